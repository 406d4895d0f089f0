"""What came in as documents and what a classifier says of them, in the terminal."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from pipelines_lib.ingestion.document_report import DocumentsReport
    from pipelines_lib.reports.sentiment_lines import TextNews


def add_texts(news: "TextNews", rows: Table) -> None:
    """Add to the lines of a night what there is to say of documents."""
    from pipelines_lib.reports.sentiment_lines import (
        mover_sentence,
        scored_sentence,
        tell_movers,
        texts_sentence,
    )
    from pipelines_lib.reports.summary import rule_counts

    rows.add_row("Documents", texts_sentence(news))
    if news.quarantined:
        rows.add_row("Held back", rule_counts(news.quarantined))
    if news.scorer:
        rows.add_row("Sentiment", escape(scored_sentence(news)))
    for mover in tell_movers(news):
        rows.add_row("Mover", escape(f"{mover.series_id} {mover_sentence(mover)}"))
    for name, why in list(news.failures.items())[:5]:
        rows.add_row("Failed", escape(f"{name}: {why}"))


def print_texts(report: "DocumentsReport", console: Console, *, seconds: float) -> None:
    """Print what an ingest of documents did, and what failed."""
    from pipelines_lib.ingestion.document_rules import DOCUMENT_RULES

    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("Documents", escape(report.sentence))
    for rule in DOCUMENT_RULES:
        if count := report.rules.get(rule.name):
            rows.add_row("Quarantine", escape(f"{count:,} {rule.name} ({rule.reason})"))
    rows.add_row("Seconds", f"{seconds:.1f}")
    newest = f"{report.newest:%Y-%m-%d %H:%M}" if report.newest else "none"
    console.print(f"[bold]{report.dataset}: documents until {newest}[/]")
    console.print(rows, soft_wrap=True)
