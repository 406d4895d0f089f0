"""Ids of documents that come without one: a digest of what they say."""

import hashlib

import numpy as np
import pandas as pd


class Occurrences:
    """How often each document of a file came so far: eight bytes a document, whatever its length.

    Held as few sorted runs, each more than twice as long as the next, so that a file of n rows
    costs about log n merges of each.
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def number(self, digests: np.ndarray) -> np.ndarray:
        """Return which time each digest comes, from 0, and remember them: uint64 (n,) -> (n,)."""
        times = pd.Series(digests).groupby(digests).cumcount().to_numpy()
        for run in self._runs:
            last = np.searchsorted(run, digests, side="right")
            times = times + last - np.searchsorted(run, digests)
        self._runs.append(np.sort(digests))
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            both = np.concatenate([self._runs.pop(-2), self._runs.pop()])
            self._runs.append(np.sort(both, kind="stable"))
        return times


def make_content_ids(rows: pd.DataFrame, file: str) -> list[str]:
    """Return the first 16 digits of SHA-256 over time, source, title and text.

    A source that is only the file's name does not count: the same document in two files is one.
    """
    moments = rows["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").fillna("")
    return _digest(moments, _source(rows, file), rows["title"], rows["text"])


def make_row_ids(rows: pd.DataFrame, file: str, seen: Occurrences) -> list[str]:
    """Return ids by which equal rows of a corpus are documents of their own, wherever they stand.

    They are the first 16 digits of SHA-256 over the file's name, source, title, text and label,
    and over which time these come in the file: a row that is put in or taken out changes no other
    row's id, but for the last of those that say the same.

    Args:
        rows: Rows in stored form.
        file: The file's name: the same row in two files is two documents.
        seen: The rows of this file so far; these are added.
    """
    named = pd.Series(file, index=rows.index, dtype=object)
    said = [_source(rows, file), rows["title"], rows["text"], rows["label"].fillna("")]
    told = pd.Series(_digest(named, *said), index=rows.index, dtype=object)
    digests = np.array([int(digest, 16) for digest in told], dtype="uint64")
    times = pd.Series(seen.number(digests), index=rows.index)
    return _digest(told, times.astype(str))


def _source(rows: pd.DataFrame, file: str) -> pd.Series:
    return rows["source"].where(rows["source"] != file, "")


def _digest(*parts: pd.Series) -> list[str]:
    return [
        hashlib.sha256("\0".join(row).encode()).hexdigest()[:16] for row in zip(*parts, strict=True)
    ]
