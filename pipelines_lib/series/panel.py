"""A dataset's observations as one array: series end to end, every calendar step a row.

Between the first and the last observation of a series no step is left out: a missing one is a row
of NaN, so that neighbouring rows are neighbouring steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines_lib.errors import SeriesError
from pipelines_lib.lake import encode_text
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.tables import TIME


@dataclass(frozen=True)
class Panel:
    """N rows of S series, C columns.

    `offsets` (S+1): series s lies in rows offsets[s]:offsets[s+1]. `position` (N): calendar
    position of each row. `values` (N, C): NaN where the step was not observed. `covariates` are
    features (N,) that come from elsewhere, by name: they stand on every row, whatever was observed.
    """

    series_ids: list[str]
    offsets: np.ndarray
    position: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...]
    calendar: Calendar
    covariates: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def row_series(self) -> np.ndarray:
        """Return the series number of each row (N,)."""
        return np.repeat(np.arange(len(self.series_ids)), np.diff(self.offsets))

    @cached_property
    def row_in_series(self) -> np.ndarray:
        """Return the number of each row within its series, from 0 (N,)."""
        return np.arange(len(self.position)) - self.offsets[:-1][self.row_series]

    @property
    def last_position(self) -> int:
        """Return the newest position over all series."""
        return int(self.position.max())

    @property
    def newest_time(self) -> datetime:
        """Return the UTC time of the newest position."""
        newest = self.calendar.times(np.array([self.last_position]))[0]
        return pd.Timestamp(newest, tz="UTC").to_pydatetime()

    def column(self, name: str) -> np.ndarray:
        """Return one value column (N,)."""
        return self.values[:, self.columns.index(name)]

    def covariates_of(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the covariates of some rows, numbered or marked."""
        return {name: values[rows] for name, values in self.covariates.items()}

    def times(self, rows: np.ndarray) -> np.ndarray:
        """Return the UTC time of rows, as datetime64[us]."""
        return self.calendar.times(self.position[rows])


def make_panel(
    observations: pd.DataFrame | pa.Table, *, calendar: Calendar, columns: tuple[str, ...]
) -> Panel:
    """Lay observations out on the calendar.

    Args:
        observations: `series_id`, `time` and the value columns, in any order; one row a key, all
            on the calendar.
        calendar: The dataset's index of time.
        columns: Value columns to keep, in this order.

    Raises:
        SeriesError: There are no observations, or a time is no step of the calendar.
    """
    if isinstance(observations, pd.DataFrame):
        wanted = observations[["series_id", "time", *columns]]
        observations = pa.Table.from_pandas(wanted, preserve_index=False)
    if observations.num_rows == 0:
        raise SeriesError("there are no observations in this range: ingest them, or widen it")
    codes, ids = encode_text(observations["series_id"])
    position = _positions(observations["time"], calendar)
    if (position < 0).any():
        wrong = observations.slice(int(np.argmax(position < 0)), 1).to_pandas().iloc[0]
        raise SeriesError(
            f"series {wrong['series_id']} has a row at {wrong['time']}, which is no step of "
            f"calendar {calendar.name}: check the dataset's calendar and step_minutes"
        )
    n_series = len(ids)
    first = np.full(n_series, np.iinfo("int64").max)
    last = np.full(n_series, -1)
    np.minimum.at(first, codes, position)
    np.maximum.at(last, codes, position)
    offsets = np.concatenate([[0], np.cumsum(last - first + 1)])
    values = np.full((offsets[-1], len(columns)), np.nan)
    row = (offsets[:-1] - first)[codes] + position
    for number, name in enumerate(columns):
        values[row, number] = observations[name].to_numpy()
    steps = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - first, np.diff(offsets))
    return Panel(ids, offsets, steps, values, tuple(columns), calendar)


def _positions(times: pa.ChunkedArray, calendar: Calendar) -> np.ndarray:
    """Return the position of each time, looked up once for each distinct time."""
    chunks = pc.dictionary_encode(times.cast(TIME)).chunks
    position = calendar.positions(chunks[0].dictionary.to_numpy(zero_copy_only=False))
    return position[np.concatenate([chunk.indices.to_numpy() for chunk in chunks])]
