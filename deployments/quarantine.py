"""The quarantine in the terminal: what is held and why, and what a release did."""

import json
from collections.abc import Sequence

import pandas as pd
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import ConfigError
from pipelines_lib.ingestion.quarantine import Release
from pipelines_lib.ingestion.restate import RESTATED
from pipelines_lib.series.rules import RULE_BY_NAME

JUDGED_BY = ("price_limit", "close_margin_minutes")
"""Fields of a declaration that rules read and that may change from one ingest to the next."""
MOST_COLUMNS = 5
"""Value columns that stand side by side in 100 columns of text; more share one."""


def override_rules(declared: DatasetConfig, overrides: Sequence[str]) -> DatasetConfig:
    """Return a declaration with `name=value` for what the rules read.

    Raises:
        ConfigError: The field is another, or the value is refused.
    """
    values = {}
    for override in overrides:
        name, _, text = override.partition("=")
        if name.strip() not in JUDGED_BY:
            raise ConfigError(
                f"--set {override}: held rows are judged by {' and '.join(JUDGED_BY)} alone; "
                "write one of them as name=value"
            )
        values[name.strip()] = text
    try:
        return DatasetConfig.model_validate(declared.model_dump() | values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigError(
            f"--set {'.'.join(map(str, fault['loc']))}={fault['input']}: {fault['msg']}"
        ) from error


def print_quarantine(
    held: pd.DataFrame, dataset: DatasetConfig, console: Console, *, limit: int
) -> None:
    """Print how many rows each rule holds and why, the newest of them, and what to do next."""
    if held.empty:
        console.print(f"{dataset.name}: no row is in quarantine")
        return
    console.print(f"[bold]{dataset.name}: {_rows(len(held))} in quarantine[/]")
    console.print(_count_rules(held))
    console.print()
    console.print(_list_rows(held.head(limit), dataset))
    if len(held) > limit:
        console.print(
            f"  and {len(held) - limit:,} older rows: --limit shows more, --rule and --series fewer"
        )
    console.print()
    for advice in _advise(held, dataset):
        console.print(f"-> {escape(advice)}", highlight=False, soft_wrap=True)


def print_release(done: Release, console: Console) -> None:
    """Print how many rows were stored, and why the others stay."""
    stored = f"{_rows(done.released)} released"
    if done.released:
        stored += ": stored, and their steps pass when the source gives them again"
    console.print(stored, highlight=False)
    for reason, count in sorted(done.kept.items(), key=lambda item: -item[1]):
        console.print(f"{count:,} stay: {escape(reason)}", highlight=False, soft_wrap=True)
    if not done.released and not done.kept:
        console.print("no row is in quarantine")


def _count_rules(held: pd.DataFrame) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    reasons = dict(zip(held["rule"], held["reason"], strict=True))
    for rule, count in held["rule"].value_counts().items():
        table.add_row(str(rule), f"{count:,}", escape(reasons[str(rule)]))
    return table


def _list_rows(held: pd.DataFrame, dataset: DatasetConfig) -> Table:
    table = Table(box=None, title="The newest", title_justify="left", pad_edge=False)
    table.add_column("series", overflow="fold")
    table.add_column("time", no_wrap=True)
    table.add_column("rule", no_wrap=True)
    side_by_side = len(dataset.columns) <= MOST_COLUMNS
    for name in dataset.columns if side_by_side else ("values",):
        table.add_column(name, justify="right" if side_by_side else "left", overflow="fold")
    for series_id, time, rule, row in held[["series_id", "time", "rule", "row"]].itertuples(
        index=False
    ):
        came = json.loads(row)
        values = {name: _value_text(came.get(name)) for name in dataset.columns}
        joined = ", ".join(f"{name} {text}" for name, text in values.items())
        cells = values.values() if side_by_side else [joined]
        table.add_row(escape(series_id), _time_text(time), rule, *map(escape, cells))
    return table


def _advise(held: pd.DataFrame, dataset: DatasetConfig) -> list[str]:
    command = f"tidewatch quarantine {dataset.name} --release"
    passing = f"{command}: store what passes the rules as the last ingest declared them"
    if "price_limit" in set(held["rule"]):
        passing += f"; with --set price_limit=0.5 by another limit than {dataset.price_limit:g}"
    waivable = [rule for rule in held["rule"].unique() if may_be_waived(rule)]
    return [
        passing,
        *[f"{command} --by-hand --rule {rule}: store its rows as they came" for rule in waivable],
        "a row that its source corrects is stored by the next ingest, and stays here as it came",
    ]


def may_be_waived(rule: str) -> bool:
    """Tell whether a row that this rule holds can be stored in spite of it."""
    return rule == RESTATED or (rule in RULE_BY_NAME and RULE_BY_NAME[rule].may_be_waived)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _time_text(time: pd.Timestamp) -> str:
    return "unreadable" if pd.isna(time) else f"{time:%Y-%m-%d %H:%M}".removesuffix(" 00:00")


def _value_text(value: float | str | None) -> str:
    """Return a value of a row: an infinite one stands there as text."""
    if value is None:
        return "missing"
    return value if isinstance(value, str) else f"{value:,.10g}"
