"""One runnable module a claim; each prints one JSON object as its last line."""
