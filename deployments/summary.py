"""What a night, an ingest, a training or a backtest did, in the terminal."""

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deployments.night_events import count_events, print_night_events
from deployments.night_texts import add_texts

if TYPE_CHECKING:
    from pipelines_lib.ingestion import IngestReport
    from pipelines_lib.reports.summary import NightSummary
    from pipelines_lib.reports.verdicts import BacktestSummary
    from tasks.training_run import Trained

LINES = 10
NAMES = 3
"""Series that one line names at most."""


def print_night(night: "NightSummary", console: Console, *, mlflow_server: str = "") -> None:
    """Print what a person wants to know of a night, the most important last.

    `mlflow_server` is the address of an MLflow server; empty: the default database is used.
    """
    from pipelines_lib.reports.model_lines import model_sentence
    from pipelines_lib.reports.summary import (
        acted_counts,
        ingest_sentence,
        rule_counts,
        series_news,
    )
    from pipelines_lib.reports.text import number

    say = console.print
    say()
    say(f"[bold]{night.dataset}: night of {night.newest}[/]")
    if night.forecasts:
        steps = len(night.forecasts[0].values)
        table = Table(
            title=escape(f"Forecasts of {night.target} ({night.unit or 'no unit'})"),
            title_justify="left",
            box=None,
            padding=(0, 0, 0, 1),
        )
        table.add_column("series", no_wrap=True)
        table.add_column("last", justify="right", no_wrap=True)
        for time in night.forecasts[0].times[:5]:
            table.add_column(time[11:] or time[5:], justify="right", no_wrap=True)
        table.add_column(
            f"{night.interval_pct:.0f} % at step {steps}", justify="right", no_wrap=True
        )
        for line in night.forecasts[:LINES]:
            table.add_row(
                line.series_id,
                number(line.last_value),
                *[number(value) for value in line.values[:5]],
                f"{number(line.lower[-1])} .. {number(line.upper[-1])}",
            )
        say(table)
        if night.n_forecast_series > LINES:
            say(f"  and {night.n_forecast_series - LINES} more series, in the report and the lake")
    if night.events:
        print_night_events(night, console, limit=LINES)
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    if night.has_series:
        rows.add_row("Ingest", ingest_sentence(night))
        rows.add_row("Lake", f"{night.total_rows:,} rows of {night.n_series:,} series")
        rows.add_row("Repaired", rule_counts(night.repaired))
        rows.add_row("Quarantined", rule_counts(night.quarantined))
    if night.texts:
        add_texts(night.texts, rows)
    for title, action in (("Put off", "postpone"), ("Warned", "warn")):
        if counts := acted_counts(night, action):
            rows.add_row(title, rule_counts(counts))
    for title, text in series_news(night, limit=NAMES):
        rows.add_row(title, escape(text))
    for model in night.models:
        rows.add_row(
            f"{model.task.capitalize()} model",
            escape(f"{model.name} v{model.version}: {model_sentence(model)} ({model.verdict})"),
        )
    if night.realised:
        r = night.realised
        rows.add_row(
            "Came true",
            f"{r.n:,} earlier forecasts: MAE {number(r.mae)}, last value "
            f"{number(r.last_value_mae)}, skill {r.skill_pct:+.1f} %, {r.coverage_pct:.0f} % in "
            f"the {r.interval_pct:.0f} % interval",
        )
    ran = {model.task for model in night.models}
    if "forecast" in ran:
        rows.add_row("Forecasts", f"{night.n_forecast_series:,} series")
    if "detect" in ran:
        rows.add_row("Events", count_events(night))
    for text in night.skipped:
        rows.add_row("Skipped", escape(text))
    for name, why in list(night.failures.items())[:5]:
        rows.add_row("Failed", escape(f"{name}: {why}"))
    if len(night.failures) > 5:
        rows.add_row("Failed", f"and {len(night.failures) - 5} more, in the report")
    if night.left_out:
        name, why = next(iter(night.left_out.items()))
        more = f", and {len(night.left_out) - 1} more" if len(night.left_out) > 1 else ""
        rows.add_row("No result", escape(f"{name}: {why}{more}"))
    rows.add_row("Seconds", ", ".join(f"{k} {v:.1f}" for k, v in night.seconds.items()))
    rows.add_row("Report", escape(night.report))
    rows.add_row("Prefect page", f"{sys.argv[0]} page prefect, then http://127.0.0.1:4200")
    rows.add_row("MLflow page", mlflow_page(mlflow_server))
    say()
    say(rows, soft_wrap=True)


def print_backtest(found: "BacktestSummary", console: Console, *, mlflow_server: str = "") -> None:
    """Print each variant and baseline over all folds, then what is real and what is not.

    `mlflow_server` is the address of an MLflow server; empty: the default database is used.
    """
    from pipelines_lib.reports.verdicts import COLUMNS, backtest_sentence, told

    console.print()
    console.print(f"[bold]{found.dataset}: backtest of {found.target}[/]")
    cells = [dict(zip(COLUMNS, line.cells(), strict=True)) for line in found.lines]
    # A terminal is narrow: MAE speaks of one series, the rank correlation of several.
    dropped = {"RMSE", "seconds", "MAE" if any(row["rank"] for row in cells) else "rank"}
    shown = [title for title in COLUMNS if title not in dropped]
    table = Table(box=None, padding=(0, 1, 0, 0))
    for title in shown:
        words = title in ("", "model")
        table.add_column(title, justify="left" if words else "right", no_wrap=title != "model")
    for row in cells:
        table.add_row(*[escape(row[title]) for title in shown])
    console.print(table)
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("Judged on", backtest_sentence(found))
    if found.conclusion:
        rows.add_row("Conclusion", f"[bold]{escape(found.conclusion)}[/]")
    for verdict in sorted(found.verdicts, key=lambda verdict: not verdict.real):
        rows.add_row(told(verdict), escape(verdict.sentence))
    if found.final:
        rows.add_row("Final fit", escape(found.final))
    for name, why in list(found.left_out.items())[:NAMES]:
        rows.add_row("Left out", escape(f"{name}: {why}"))
    if len(found.left_out) > NAMES:
        rows.add_row("Left out", f"and {len(found.left_out) - NAMES:,} more series")
    rows.add_row("Seconds", f"{found.seconds:.1f}")
    rows.add_row("MLflow run", found.run_id)
    rows.add_row("MLflow page", mlflow_page(mlflow_server))
    console.print()
    console.print(rows, soft_wrap=True)


def print_ingest(report: "IngestReport", console: Console, *, seconds: float) -> None:
    """Print what an ingest did, what it noticed, and what failed."""
    from pipelines_lib.series.rules import RULE_BY_NAME

    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("Ingest", escape(report.sentence))
    for name, count in report.rules.items():
        rule = RULE_BY_NAME[name]
        newest = report.examples.get(name, "")
        told = f"{count:,} {name} ({rule.reason}), the newest {newest}"
        rows.add_row(rule.action.capitalize(), escape(told))
    for found in report.restated[:LINES]:
        rows.add_row("Restated", escape(found.sentence))
    if report.stale:
        rows.add_row("Stale", f"{report.stale:,} forecasts and scores, made on the old history")
    for name, why in list(report.died.items())[:LINES]:
        rows.add_row("Died", escape(f"{name}: {why}"))
    if report.n_dead:
        rows.add_row("Dead", f"{report.n_dead:,} series in all, {len(report.died):,} since tonight")
    for warning in report.warnings:
        rows.add_row("Warning", escape(warning))
    for name, why in list(report.failures.items())[:LINES]:
        rows.add_row("Failed", escape(f"{name}: {why}"))
    rows.add_row("Seconds", f"{seconds:.1f}")
    console.print(f"[bold]{report.dataset}: rows until {report.last_time[:16] or 'none'}[/]")
    console.print(rows, soft_wrap=True)


def print_trained(trained: "Trained", console: Console, *, mlflow_server: str = "") -> None:
    """Print what a training made, and why it is champion or not.

    `mlflow_server` is the address of an MLflow server; empty: the default database is used.
    """
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("Model", f"{trained.name} v{trained.version}, {trained.alias}")
    rows.add_row("Why", escape(trained.reason))
    for name, why in list(trained.left_out.items())[:LINES]:
        rows.add_row("Left out", escape(f"{name}: {why}"))
    if len(trained.left_out) > LINES:
        rows.add_row("Left out", f"and {len(trained.left_out) - LINES:,} more")
    rows.add_row("Seconds", f"{trained.seconds:.1f}")
    rows.add_row("MLflow run", trained.run_id)
    rows.add_row("MLflow page", mlflow_page(mlflow_server))
    console.print()
    console.print(rows, soft_wrap=True)


def mlflow_page(server: str) -> str:
    """Say where the runs are seen: on the server, or on a page that has to be started."""
    page = f"{sys.argv[0]} page mlflow, then http://127.0.0.1:5000"
    return server if server.startswith("http") else page
