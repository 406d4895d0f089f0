"""The one form of raw rows: `series_id`, `time` in UTC, values as float64."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines_lib.errors import shown

TIME_DTYPE = "datetime64[us, UTC]"


def slug(header: object) -> str:
    """Return a header in lower case, with `_` for what is no letter or digit."""
    return re.sub(r"\W+", "_", str(header).strip().lower()).strip("_")


def parse_times(values: pd.Series, *, time_format: str = "") -> pd.Series:
    """Read times as UTC, NaT where they cannot be read.

    Args:
        values: Text, dates or timestamps; UTC where they name no zone.
        time_format: strptime format of text; empty: ISO.
    """
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        text = values.astype("str").str.strip()
        values = pd.to_datetime(text, format=time_format or "ISO8601", utc=True, errors="coerce")
    elif values.dt.tz is None:
        values = values.dt.tz_localize("UTC")
    return values.dt.tz_convert("UTC").astype(TIME_DTYPE)


def parse_numbers(values: pd.Series) -> pd.Series:
    """Read numbers, commas between thousands allowed, NaN where there is none."""
    if not pd.api.types.is_numeric_dtype(values.dtype):
        text = values.astype("str").str.replace(",", "")
        values = pd.to_numeric(text, errors="coerce")
    return values.astype("float64")


def within(times: pd.Series, *, start: date | None, end: date | None) -> np.ndarray:
    """Mark the times from `start` to the end of day `end`, and those that could not be read."""
    inside = np.ones(len(times), dtype=bool)
    if start is not None:
        inside &= (times >= pd.Timestamp(start, tz="UTC")).to_numpy()
    if end is not None:
        inside &= (times < pd.Timestamp(end + timedelta(days=1), tz="UTC")).to_numpy()
    return inside | times.isna().to_numpy()


def cut_rows(
    rows: pd.DataFrame, *, starts: Mapping[str, date | None], end: date | None
) -> pd.DataFrame:
    """Keep what lies from the start of its series to `end`, and times that could not be read."""
    if len(set(starts.values())) <= 1:
        start = next(iter(starts.values()), None)
        return rows[within(rows["time"], start=start, end=end)].reset_index(drop=True)
    firsts = {name: pd.Timestamp(start, tz="UTC") for name, start in starts.items() if start}
    first = pd.to_datetime(rows["series_id"].astype("str").map(firsts), utc=True)
    early = (rows["time"] < first).to_numpy()  # False where either is NaT
    return rows[within(rows["time"], start=None, end=end) & ~early].reset_index(drop=True)


def join_rows(frames: Iterable[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Join frames of rows, with the right columns and types even where there is none."""
    kept = [frame for frame in frames if len(frame)]
    if kept:
        return pd.concat(kept, ignore_index=True)
    types = {"series_id": "str", "time": TIME_DTYPE} | dict.fromkeys(columns, "float64")
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})


def refuse_unknown(asked: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Return a failure for each series asked for that the source does not have."""
    have = set(known)
    reason = f"is none of the source's {len(known)} series ({shown(known)}): correct series_ids"
    return {series_id: f"{series_id} {reason}" for series_id in asked if series_id not in have}
