"""Everything that computes: knows nothing of Prefect, works in a REPL without a server or a GPU."""

__version__ = "0.1.0"
