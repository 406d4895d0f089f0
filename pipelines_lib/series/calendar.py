"""The index of time: exchange sessions, or a fixed step round the clock.

A holiday is no gap; a missing session is. A step's number on the calendar is its position, so
that distances in steps are differences of positions.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SeriesError

FIRST_SESSION = "1980-01-01"


@dataclass(frozen=True)
class Calendar:
    """The steps of a dataset. Times are datetime64[us] in UTC, positions are int64 from 0."""

    name: str
    step_minutes: int
    offset_minutes: int = 0
    """Minutes from 1970-01-01 00:00 UTC to the first step of the fixed calendar."""
    sessions: np.ndarray | None = None
    """Session dates of an exchange, sorted; None: a fixed step."""

    @property
    def _step_us(self) -> int:
        return self.step_minutes * 60_000_000

    @property
    def _offset_us(self) -> int:
        return self.offset_minutes * 60_000_000

    def positions(self, times: np.ndarray) -> np.ndarray:
        """Return the position of each time, -1 where it is no step of the calendar."""
        times = np.asarray(times, dtype="datetime64[us]")
        if self.sessions is None:
            number, rest = np.divmod(times.astype("int64") - self._offset_us, self._step_us)
            return np.where(rest == 0, number, -1)
        found = np.searchsorted(self.sessions, times)
        inside = np.minimum(found, len(self.sessions) - 1)
        return np.where(self.sessions[inside] == times, inside, -1)

    def times(self, positions: np.ndarray) -> np.ndarray:
        """Return the time of each position.

        Raises:
            SeriesError: A position lies beyond the exchange's published sessions.
        """
        positions = np.asarray(positions, dtype="int64")
        if self.sessions is None:
            return (positions * self._step_us + self._offset_us).astype("datetime64[us]")
        if positions.size and positions.min() < 0:
            raise SeriesError(f"calendar {self.name} begins on {self.sessions[0]:.10}")
        if positions.size and positions.max() >= len(self.sessions):
            raise SeriesError(
                f"calendar {self.name} ends on {self.sessions[-1]:.10}: shorten the horizon "
                "or update the exchange-calendars package"
            )
        return self.sessions[positions]

    @property
    def natural_season(self) -> int:
        """Return the steps of the season people expect: a week of sessions, a day of steps."""
        if self.sessions is not None:
            return 5
        return 7 if self.step_minutes >= 1440 else max(2, round(1440 / self.step_minutes))


def make_calendar(dataset: DatasetConfig) -> Calendar:
    """Return the calendar of a dataset."""
    if dataset.calendar == "fixed":
        return Calendar("fixed", dataset.step_minutes, dataset.offset_minutes)
    return Calendar(dataset.calendar, 1440, 0, _exchange_sessions(dataset.calendar))


@lru_cache(maxsize=4)
def _exchange_sessions(name: str) -> np.ndarray:
    import exchange_calendars  # 1 s to import, 2 s to build: only where an exchange is asked for

    sessions = exchange_calendars.get_calendar(name, start=FIRST_SESSION).sessions
    return sessions.to_numpy().astype("datetime64[us]")
