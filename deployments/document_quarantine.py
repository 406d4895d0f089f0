"""The documents that are held back, in the terminal."""

import json

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines_lib.ingestion.document_rules import DOCUMENT_RULES

SHOWN_CHARACTERS = 60
"""Characters of a value that are shown."""
RULE_NAMES = frozenset(rule.name for rule in DOCUMENT_RULES)


def print_documents(held: pd.DataFrame, dataset: str, console: Console, *, limit: int) -> None:
    """Print how many documents each rule holds, and some of them as they came.

    Args:
        held: As `list_document_quarantine` returns them.
        dataset: Name of the dataset.
        console: Where to print.
        limit: Documents to show.
    """
    if held.empty:
        console.print(f"[bold]{escape(dataset)}[/]: no document is in quarantine")
        return
    count = "1 document" if len(held) == 1 else f"{len(held):,} documents"
    console.print(f"[bold]{escape(dataset)}: {count} in quarantine[/]")
    counts = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    for name in ("rule", "count", "reason"):
        counts.add_column(no_wrap=name != "reason", justify="right" if name == "count" else "left")
    reasons = dict(zip(held["rule"], held["reason"], strict=True))
    for rule, n in held["rule"].value_counts().items():
        counts.add_row(str(rule), f"{n:,}", escape(reasons[str(rule)]))
    console.print(counts)
    console.print()
    rows = Table(box=None, title="Some of them", title_justify="left", pad_edge=False)
    rows.add_column("rule", no_wrap=True)
    rows.add_column("as it came", overflow="fold")
    for rule, row in held[["rule", "row"]].head(limit).itertuples(index=False):
        rows.add_row(rule, escape(_shorten(row)))
    console.print(rows)
    if len(held) > limit:
        console.print(f"  and {len(held) - limit:,} more: --limit shows more, --rule fewer")
    console.print()
    console.print(
        "-> correct the source or the declaration and ingest again: a document that passes then "
        "is stored, and stays here as it came",
        highlight=False,
        soft_wrap=True,
    )


def _shorten(row: str) -> str:
    """Return a held row as `name value, name value`, each value cut."""
    return ", ".join(f"{name} {_cut(str(value))}" for name, value in json.loads(row).items())


def _cut(text: str) -> str:
    # A byte that was no UTF-8 is a lone surrogate, which a terminal cannot be given.
    line = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
