"""What a search found, in the terminal."""

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deployments.summary import mlflow_page

if TYPE_CHECKING:
    from tasks.search import Searched


def print_search(searched: "Searched", console: Console, *, mlflow_server: str = "") -> None:
    """Print what a search found, what it is worth on rows that no trial saw, and how to use it.

    `mlflow_server` is the address of an MLflow server; empty: the default database is used.
    """
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    names = {"best": "best trial", "base": "what the search started from"}
    for name, mase in sorted(searched.test_mase.items(), key=lambda item: item[1]):
        table.add_row(names.get(name, name.replace("_", " ")), f"{mase:.4f}")
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    counts = [f"{count} {state}" for state, count in searched.trials.items() if count]
    rows.add_row("Trials", f"{', '.join(counts)}; {searched.wished} wished")
    values = ", ".join(f"{path}={value}" for path, value in searched.best_values.items())
    rows.add_row("Best", escape(f"trial {searched.best_trial}: {values}"))
    rows.add_row(
        "Selection",
        f"MASE {searched.selection_mase['best']:.4f} on the rows that trials competed on, "
        f"{searched.selection_mase['last_value']:.4f} of the last value",
    )
    for note in searched.notes:
        rows.add_row("Note", escape(note))
    rows.add_row("Worth", _worth(searched.test_mase))
    rows.add_row("Seconds", f"{searched.seconds:.1f}")
    rows.add_row("MLflow run", searched.run_id)
    rows.add_row("MLflow page", mlflow_page(mlflow_server))
    rows.add_row("Job", escape(f"{searched.job}, stored as {searched.stored}"))
    rows.add_row("Run it", escape(f"{sys.argv[0]} run {searched.job}"))
    console.print()
    console.print(f"[bold]{searched.dataset}: study {searched.study}[/]")
    console.print(f"MASE on {searched.test_windows:,} held-out windows that no trial saw")
    console.print(table)
    console.print()
    console.print(rows, soft_wrap=True)


def _worth(mase: dict[str, float]) -> str:
    """Say in words what the best trial is worth beside the others."""
    baselines = {name: value for name, value in mase.items() if name not in ("best", "base")}
    name, least = min(baselines.items(), key=lambda item: item[1])
    if mase["best"] == mase["base"]:
        gained = "the search found nothing better than what it started from"
    else:
        better = "better" if mase["best"] < mase["base"] else "worse"
        share = abs(100 * (1 - mase["best"] / mase["base"]))
        gained = f"{share:.2f} % {better} than what the search started from"
    verdict = "beats" if mase["best"] < least else "does not beat"
    return f"{gained}; it {verdict} the best baseline ({name.replace('_', ' ')})"
