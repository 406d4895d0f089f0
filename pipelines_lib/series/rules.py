"""The quality rules, declared in one place, in the order in which they judge.

Each rule names what it marks, and what happens to a marked row:

- repair: it is mended and stored with the rule's name;
- quarantine: it is kept as it came, beside the observations;
- postpone: it is not taken yet, the source will give it again;
- warn: it is stored as it is, and counted.

A row is out of the running once a rule has quarantined or postponed it. Rules see rows in order of
series and time; besides the columns of a dataset there are `_code` (number of the series), `_late`
(came after a later row), `_known` (stored earlier: a neighbour to compare with, never judged) and
`repair`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.series.calendar import Calendar, naive_times

PRICES = ["open", "high", "low", "close"]
ROUNDING = 0.01
"""Adjusted prices are rounded one by one: a close this fraction outside its range is rounding."""
QUIET_SESSIONS = 5
"""Sessions in a row without a trade that are worth a warning."""
REPEATED_VALUES = 20
"""Equal readings in a row that are worth a warning; a sensor may well rest for a while."""


@dataclass(frozen=True)
class Judging:
    """What the rules know besides the rows."""

    dataset: DatasetConfig
    calendar: Calendar
    final_until: int | None = None
    """Position of the last step whose row is final; None: all are."""


@dataclass(frozen=True)
class Rule:
    """One rule: `broken` marks rows (n,), or counts what is missing before each of them."""

    name: str
    action: Literal["repair", "quarantine", "postpone", "warn"]
    reason: str
    broken: Callable[[pd.DataFrame, Judging], np.ndarray]
    repair: Callable[[pd.DataFrame, Judging], pd.DataFrame] | None = None
    bars_only: bool = False
    may_be_waived: bool = False
    """Whether a person may let a row through all the same: it could be stored."""


def _time_unreadable(rows: pd.DataFrame, _: Judging) -> np.ndarray:
    return rows["time"].isna().to_numpy()


def _out_of_order(rows: pd.DataFrame, _: Judging) -> np.ndarray:
    return rows["_late"].to_numpy()


def _local_midnight(rows: pd.DataFrame, judging: Judging) -> np.ndarray:
    if judging.calendar.sessions is None or judging.calendar.zone == "UTC":
        return np.zeros(len(rows), dtype=bool)
    times = naive_times(rows["time"])
    off = np.flatnonzero(judging.calendar.positions(times) < 0)
    dates = naive_times(_as_session_dates(rows.iloc[off], judging)["time"])
    marked = np.zeros(len(rows), dtype=bool)
    midnight = dates == dates.astype("datetime64[D]")
    marked[off] = midnight & (judging.calendar.positions(dates) >= 0)
    return marked


def _as_session_dates(rows: pd.DataFrame, judging: Judging) -> pd.DataFrame:
    local = rows["time"].dt.tz_convert(judging.calendar.zone)
    return pd.DataFrame({"time": local.dt.tz_localize(None).dt.tz_localize("UTC")})


def _off_calendar(rows: pd.DataFrame, judging: Judging) -> np.ndarray:
    return judging.calendar.positions(naive_times(rows["time"])) < 0


def _open_session(rows: pd.DataFrame, judging: Judging) -> np.ndarray:
    if judging.final_until is None:
        return np.zeros(len(rows), dtype=bool)
    return judging.calendar.positions(naive_times(rows["time"])) > judging.final_until


def _duplicate(rows: pd.DataFrame, _: Judging) -> np.ndarray:
    key = rows[["_code", "time"]]
    stands_again = (key == key.shift(-1)).all(axis=1).to_numpy()
    return stands_again & ~rows["_known"].to_numpy()


def _not_finite(rows: pd.DataFrame, judging: Judging) -> np.ndarray:
    return ~np.isfinite(rows[list(judging.dataset.columns)].to_numpy()).all(axis=1)


def _halted(rows: pd.DataFrame, _: Judging) -> np.ndarray:
    silent = (rows[["open", "high", "low", "volume"]] == 0).all(axis=1)
    return (silent & (rows["close"] > 0)).to_numpy()


def _carry_close(rows: pd.DataFrame, _: Judging) -> pd.DataFrame:
    return rows.assign(open=rows["close"], high=rows["close"], low=rows["close"])[
        ["open", "high", "low"]
    ]


def _not_positive(rows: pd.DataFrame, _: Judging) -> np.ndarray:
    return ((rows[PRICES] <= 0).any(axis=1) | (rows["volume"] < 0)).to_numpy()


def _outside_range(rows: pd.DataFrame) -> np.ndarray:
    """Return how far open and close lie outside low..high, as a fraction of the close."""
    low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
    inner = rows[["open", "close"]].to_numpy()
    out = np.maximum(inner.max(axis=1) - high, low - inner.min(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):  # a released row may close at 0
        return np.maximum(out, low - high) / rows["close"].to_numpy()


def _range_rounding(rows: pd.DataFrame, _: Judging) -> np.ndarray:
    out = _outside_range(rows)
    return (out > 0) & (out <= ROUNDING)


def _widen_range(rows: pd.DataFrame, _: Judging) -> pd.DataFrame:
    return pd.DataFrame(
        {"high": rows[PRICES].max(axis=1), "low": rows[PRICES].min(axis=1)}, index=rows.index
    )


def _price_order(rows: pd.DataFrame, _: Judging) -> np.ndarray:
    return _outside_range(rows) > ROUNDING


def _price_limit(rows: pd.DataFrame, judging: Judging) -> np.ndarray:
    limit = judging.dataset.price_limit
    if limit == 0:
        return np.zeros(len(rows), dtype=bool)
    close = rows["close"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(close / _before(close) - 1)
    position = judging.calendar.positions(naive_times(rows["time"]))
    next_step = _follows(rows) & (position - _before(position) == 1)
    # From a close of 0, which only a person lets in, no move can be told.
    return np.isfinite(moved) & (moved > limit) & next_step


def _zero_volume_run(rows: pd.DataFrame, _: Judging) -> np.ndarray:
    close = rows["close"].to_numpy()
    carried = ~_follows(rows) | (close == _before(close))  # many indices have no volume, yet move
    quiet = (rows["volume"] == 0).to_numpy() & carried
    return quiet & (_run_lengths(rows, quiet) >= QUIET_SESSIONS)


def _stale_repeat(rows: pd.DataFrame, judging: Judging) -> np.ndarray:
    values = rows[list(judging.dataset.columns)].to_numpy()
    same = (values == _before(values)).all(axis=1) & _follows(rows)
    if judging.dataset.kind == "bars":  # two bars with the same volume are one bar told twice
        return same & (rows["volume"] > 0).to_numpy()
    return same & (_run_lengths(rows, same) >= REPEATED_VALUES - 1)


def _missing_session(rows: pd.DataFrame, judging: Judging) -> np.ndarray:
    position = judging.calendar.positions(naive_times(rows["time"]))
    return np.where(_follows(rows), position - _before(position) - 1, 0).clip(min=0)


def _before(values: np.ndarray) -> np.ndarray:
    """Return the value of the row before; of the first row, its own."""
    return np.concatenate([values[:1], values[:-1]])


def _follows(rows: pd.DataFrame) -> np.ndarray:
    """Mark the rows that are not the first of their series."""
    code = rows["_code"].to_numpy()
    follows = np.zeros(len(code), dtype=bool)
    follows[1:] = code[1:] == code[:-1]
    return follows


def _run_lengths(rows: pd.DataFrame, marked: np.ndarray) -> np.ndarray:
    """Return, for each row, how many rows of its series in a row are marked as it is."""
    same = _follows(rows) & (marked == _before(marked))
    run = np.cumsum(~same) - 1
    return np.bincount(run, minlength=1)[run] if len(run) else np.zeros(0, dtype=int)


RULES = (
    Rule("time_unreadable", "quarantine", "the time cannot be read", _time_unreadable),
    Rule("out_of_order", "warn", "the row came after a later one of its series", _out_of_order),
    Rule(
        "time_zone",
        "repair",
        "the time is midnight at the exchange, not the session date at 00:00 UTC",
        _local_midnight,
        _as_session_dates,
    ),
    Rule(
        "off_calendar",
        "quarantine",
        "the time is no step of the dataset's calendar; see calendar, step_minutes, offset_minutes",
        _off_calendar,
    ),
    Rule(
        "open_session",
        "postpone",
        "the session is not over, or closed within close_margin_minutes: its bar still moves",
        _open_session,
    ),
    Rule(
        "duplicate",
        "quarantine",
        "the step stands again later in the source; the last one counts",
        _duplicate,
    ),
    Rule(
        "missing_session",
        "warn",
        "steps of the calendar are missing between two rows of a series",
        _missing_session,
    ),
    Rule("not_finite", "quarantine", "a value is missing or not finite", _not_finite),
    Rule(
        "halted",
        "repair",
        "trading was halted: open, high, low and volume are zero",
        _halted,
        _carry_close,
        bars_only=True,
    ),
    Rule(
        "not_positive",
        "quarantine",
        "a price is not above zero, or the volume below",
        _not_positive,
        bars_only=True,
        may_be_waived=True,
    ),
    Rule(
        "range_rounding",
        "repair",
        "open or close lies just outside low..high, as rounding leaves it",
        _range_rounding,
        _widen_range,
        bars_only=True,
    ),
    Rule(
        "price_order",
        "quarantine",
        "open or close lies outside low..high",
        _price_order,
        bars_only=True,
        may_be_waived=True,
    ),
    Rule(
        "price_limit",
        "quarantine",
        "the close moved by more than a session allows: a capital change, not a price",
        _price_limit,
        bars_only=True,
        may_be_waived=True,
    ),
    Rule(
        "zero_volume_run",
        "warn",
        f"nothing was traded for {QUIET_SESSIONS} sessions or more in a row",
        _zero_volume_run,
        bars_only=True,
    ),
    Rule(
        "stale_repeat",
        "warn",
        "the row repeats the one before it, value by value: the source may be stuck",
        _stale_repeat,
    ),
)

RULE_BY_NAME = {rule.name: rule for rule in RULES}
