"""What the synthetic sources share: steps on the dataset's calendar, ids, cutting to a range."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.sources.base import Fetched
from pipelines_lib.sources.rows import cut_rows, join_rows
from pipelines_lib.sources.steps import number_steps

FIRST_STEP = "2024-01-01"
FIRST_SESSION, LAST_SESSION = "2022-01-03", "2025-12-30"
FIRST_PUBLISHED = "1980-01-01"


def make_times(dataset: DatasetConfig) -> np.ndarray:
    """Return the times of a synthetic dataset's steps, datetime64[us], the same on every day.

    On an exchange they are sessions from FIRST_SESSION on; a history too long to end by
    LAST_SESSION ends there and starts earlier.

    Raises:
        SourceError: The exchange has had fewer sessions than `n_steps`.
    """
    n_steps = dataset.source.n_steps
    if dataset.calendar == "fixed":
        return number_steps(dataset, n_steps, first=datetime.fromisoformat(FIRST_STEP))
    import exchange_calendars  # 1 s to import, 2 s to build: only where an exchange is asked for

    calendar = exchange_calendars.get_calendar(dataset.calendar, start=FIRST_PUBLISHED)
    sessions = calendar.sessions.to_numpy().astype("datetime64[us]")
    first, end = np.searchsorted(
        sessions, np.array([FIRST_SESSION, LAST_SESSION], "datetime64[us]")
    )
    end += sessions[end] == np.datetime64(LAST_SESSION)
    if n_steps > end:
        raise SourceError(
            f"source.n_steps is {n_steps}, but {dataset.calendar} has {end} sessions from "
            f"{FIRST_PUBLISHED} to {LAST_SESSION}: lower it, or set calendar to fixed"
        )
    first = min(first, end - n_steps)
    return sessions[first : first + n_steps]


def make_series_frame(series_id: str, times: np.ndarray, **columns: object) -> pd.DataFrame:
    """Return a frame of `series_id`, `time` (UTC, from datetime64) and the columns given."""
    stamps = pd.Series(pd.DatetimeIndex(times).as_unit("us").tz_localize("UTC"))
    return pd.DataFrame({"series_id": series_id, "time": stamps} | columns)


def make_fetched(
    rows: Sequence[pd.DataFrame],
    labels: Sequence[pd.DataFrame],
    *,
    dataset: DatasetConfig,
    failures: dict[str, str],
    starts: Mapping[str, date | None],
    end: date | None,
) -> Fetched:
    """Join what was made for each series and cut each to its start..`end`, both inclusive."""
    joined = join_rows(rows, dataset.columns)
    known = (
        join_rows(labels, ()).reindex(columns=["series_id", "time", "kind"]).astype({"kind": "str"})
    )
    return Fetched(
        rows=cut_rows(joined, starts=starts, end=end),
        labels=cut_rows(known, starts=starts, end=end),
        failures=failures,
    )
