"""Pictures and summaries of a night, for terminal, Prefect and the browser."""
