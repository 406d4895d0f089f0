"""Quality rules, declared in one place: what is repaired, what goes to quarantine.

The rules run in the order of RULES; a row is judged by the first rule it breaks. A repaired row is
stored with the rule's name, a quarantined one is kept as it came. Nothing is dropped.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.series.calendar import Calendar

PRICES = ["open", "high", "low", "close"]
ROUNDING = 0.01
"""Adjusted prices are rounded one by one: a close this fraction outside its range is rounding."""


@dataclass(frozen=True)
class Rule:
    """One rule: `broken` marks the rows (n,) that break it, `repair` mends them where it can."""

    name: str
    reason: str
    broken: Callable[[pd.DataFrame, DatasetConfig, Calendar], np.ndarray]
    repair: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    bars_only: bool = False

    @property
    def action(self) -> Literal["repaired", "quarantined"]:
        """Return what happens to a row that breaks the rule."""
        return "quarantined" if self.repair is None else "repaired"


@dataclass(frozen=True)
class CheckedRows:
    """Rows after the rules.

    `good` has `series_id`, `time`, the value columns and `repair`, sorted by series and time, one
    row a key; `quarantined` has `series_id`, `time`, `rule`, `reason`, `row`; `counts` maps each
    rule that was broken to its number of rows.
    """

    good: pd.DataFrame
    quarantined: pd.DataFrame
    counts: dict[str, int] = field(default_factory=dict)


def check_rows(rows: pd.DataFrame, *, dataset: DatasetConfig, calendar: Calendar) -> CheckedRows:
    """Judge raw rows by every rule.

    Args:
        rows: Columns `series_id`, `time` (UTC, NaT where unreadable) and the value columns.
        dataset: Its declaration: columns, kind, price limit.
        calendar: Its index of time.
    """
    columns = ["series_id", "time", *dataset.columns]
    order = ["series_id", "time"]
    left = rows[columns].sort_values(order, kind="stable", ignore_index=True)
    left = left.astype({name: "float64" for name in dataset.columns})
    came = left.copy()
    left["repair"] = pd.Series(np.nan, index=left.index, dtype=object)
    refused, counts = [], {}
    for rule in RULES:
        if rule.bars_only and dataset.kind != "bars":
            continue
        broken = rule.broken(left, dataset, calendar)
        if not broken.any():
            continue
        counts[rule.name] = int(broken.sum())
        if rule.repair is None:
            refused.append(_quarantine(came.loc[left.index[broken]], columns, rule))
            left = left[~broken]
        else:
            mended = rule.repair(left.loc[broken])
            left.loc[broken, mended.columns] = mended
            left.loc[broken, "repair"] = rule.name
    empty = _quarantine(came.iloc[:0], columns, RULES[0])
    quarantined = pd.concat(refused, ignore_index=True) if refused else empty
    return CheckedRows(left.reset_index(drop=True), quarantined, counts)


def _quarantine(rows: pd.DataFrame, columns: list[str], rule: Rule) -> pd.DataFrame:
    as_json = [_as_json(record) for record in rows[columns[1:]].to_dict("records")]
    refused = rows[["series_id", "time"]].assign(rule=rule.name, reason=rule.reason, row=as_json)
    return refused.drop_duplicates(["series_id", "rule", "row"])


def _as_json(record: dict[Hashable, Any]) -> str:
    """Write a row as JSON: a missing value is null, an infinite one, which JSON lacks, is text."""
    told = {k: str(v) if isinstance(v, float) and np.isinf(v) else v for k, v in record.items()}
    return pd.Series(told).to_json(date_format="iso", date_unit="us", double_precision=15)


# --- the rules: rows in order of series and time, `repair` already among the columns -------------


def _time_unreadable(rows: pd.DataFrame, _: DatasetConfig, __: Calendar) -> np.ndarray:
    return rows["time"].isna().to_numpy()


def _off_calendar(rows: pd.DataFrame, _: DatasetConfig, calendar: Calendar) -> np.ndarray:
    return calendar.positions(naive_times(rows["time"])) < 0


def _duplicate(rows: pd.DataFrame, _: DatasetConfig, __: Calendar) -> np.ndarray:
    return rows.duplicated(["series_id", "time"], keep="last").to_numpy()


def _not_finite(rows: pd.DataFrame, dataset: DatasetConfig, _: Calendar) -> np.ndarray:
    return ~np.isfinite(rows[list(dataset.columns)].to_numpy()).all(axis=1)


def _halt(rows: pd.DataFrame, _: DatasetConfig, __: Calendar) -> np.ndarray:
    silent = (rows[["open", "high", "low", "volume"]] == 0).all(axis=1)
    return (silent & (rows["close"] > 0)).to_numpy()


def _carry_close(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(open=rows["close"], high=rows["close"], low=rows["close"])[
        ["open", "high", "low"]
    ]


def _not_positive(rows: pd.DataFrame, _: DatasetConfig, __: Calendar) -> np.ndarray:
    return ((rows[PRICES] <= 0).any(axis=1) | (rows["volume"] < 0)).to_numpy()


def _outside_range(rows: pd.DataFrame) -> np.ndarray:
    """Return how far open and close lie outside low..high, as a fraction of the close."""
    low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
    inner = rows[["open", "close"]].to_numpy()
    out = np.maximum(inner.max(axis=1) - high, low - inner.min(axis=1))
    return np.maximum(out, low - high) / rows["close"].to_numpy()


def _range_rounding(rows: pd.DataFrame, _: DatasetConfig, __: Calendar) -> np.ndarray:
    out = _outside_range(rows)
    return (out > 0) & (out <= ROUNDING)


def _widen_range(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"high": rows[PRICES].max(axis=1), "low": rows[PRICES].min(axis=1)}, index=rows.index
    )


def _price_order(rows: pd.DataFrame, _: DatasetConfig, __: Calendar) -> np.ndarray:
    return _outside_range(rows) > ROUNDING


def _price_limit(rows: pd.DataFrame, dataset: DatasetConfig, _: Calendar) -> np.ndarray:
    if dataset.price_limit == 0 or len(rows) == 0:
        return np.zeros(len(rows), dtype=bool)
    close = rows["close"].to_numpy()
    moved = np.zeros(len(rows))
    moved[1:] = np.abs(close[1:] / close[:-1] - 1)
    first = ~rows.duplicated("series_id").to_numpy()
    return (moved > dataset.price_limit) & ~first


RULES = (
    Rule("time_unreadable", "the time cannot be read", _time_unreadable),
    Rule(
        "off_calendar",
        "the time is no step of the dataset's calendar; see calendar, step_minutes, offset_minutes",
        _off_calendar,
    ),
    Rule("duplicate", "the step stands again later in the source; the last one counts", _duplicate),
    Rule("not_finite", "a value is missing or not finite", _not_finite),
    Rule(
        "halt",
        "trading was halted: open, high, low and volume are zero",
        _halt,
        _carry_close,
        bars_only=True,
    ),
    Rule(
        "not_positive", "a price is not above zero, or the volume below", _not_positive, None, True
    ),
    Rule(
        "range_rounding",
        "open or close lies just outside low..high, as rounding leaves it",
        _range_rounding,
        _widen_range,
        bars_only=True,
    ),
    Rule("price_order", "open or close lies outside low..high", _price_order, None, True),
    Rule(
        "price_limit",
        "the close moved by more than a session allows: a capital change, not a price",
        _price_limit,
        None,
        True,
    ),
)


def naive_times(times: pd.Series) -> np.ndarray:
    """Return UTC times as datetime64[us] without a zone, the form positions are looked up in."""
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
