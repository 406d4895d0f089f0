"""The index of time: exchange sessions, or a fixed step round the clock.

A holiday is no gap; a missing session is. A step's number on the calendar is its position, so
that distances in steps are differences of positions.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SeriesError

FIRST_SESSION = "1980-01-01"
KNOWN_SINCE = {"XTKS": "1997-01-01", "XSHG": "1990-12-03"}
"""Where the package knows an exchange only from a later day on."""


@dataclass(frozen=True)
class Calendar:
    """The steps of a dataset. Times are datetime64[us] in UTC, positions are int64 from 0."""

    name: str
    step_minutes: int
    offset_minutes: int = 0
    """Minutes from 1970-01-01 00:00 UTC to the first step of the fixed calendar."""
    sessions: np.ndarray | None = None
    """Session dates of an exchange, sorted; None: a fixed step."""
    closes: np.ndarray | None = None
    """When each of these sessions closes."""
    zone: str = "UTC"
    """Time zone of the exchange."""

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

    def last_before(self, moment: datetime) -> int:
        """Return the position of the last step that begins at or before a moment, -1: none."""
        stamp = _as_stamp(moment)
        if self.sessions is None:
            return int((stamp.astype("int64") - self._offset_us) // self._step_us)
        return int(np.searchsorted(self.sessions, stamp, side="right")) - 1

    def last_closed(self, moment: datetime) -> int:
        """Return the position of the last step that is over at a moment, -1: none.

        A session is over at its exchange's close, a step of the fixed calendar when the next one
        begins.
        """
        if self.closes is None:
            return self.last_before(moment) - 1
        return int(np.searchsorted(self.closes, _as_stamp(moment), side="right")) - 1

    def document_positions(self, times: np.ndarray) -> np.ndarray:
        """Return the step that a document published at each time counts for, -1: none is known.

        That is the first session whose close is at or after it: what comes in the evening, on a
        weekend or on a holiday counts for the next one. On the fixed calendar it is the first step
        whose time is at or after it. So a step knows nothing that came after it.
        """
        times = np.asarray(times, dtype="datetime64[us]")
        if self.closes is None:
            number = -((self._offset_us - times.astype("int64")) // self._step_us)  # rounded up
            return np.maximum(number, -1)
        found = np.searchsorted(self.closes, times)
        return np.where(found < len(self.closes), found, -1)

    def document_span(self, position: int) -> tuple[np.datetime64, np.datetime64]:
        """Return the times between which documents count for a step: after the first, to the last.

        The first known session has what came since 1970.
        """
        ends = self.closes
        if ends is None:
            after, until = self.times(np.array([position - 1, position]))
            return after, until
        return ends[position - 1] if position else np.datetime64(0, "us"), ends[position]

    @property
    def natural_season(self) -> int:
        """Return the steps of the season people expect: a week of sessions, a day of steps."""
        if self.sessions is not None:
            return 5
        return 7 if self.step_minutes >= 1440 else max(2, round(1440 / self.step_minutes))


def make_calendar(dataset: DatasetConfig, *, since: str = "") -> Calendar:
    """Return the calendar of a dataset.

    `since`, an ISO date, leaves out an exchange's earlier sessions: such a calendar is made ten
    times as fast, and its positions are comparable with no other's. Empty: all sessions.
    """
    if dataset.calendar == "fixed":
        return Calendar("fixed", dataset.step_minutes, dataset.offset_minutes)
    first = max(since, KNOWN_SINCE.get(dataset.calendar, FIRST_SESSION))
    return _exchange_calendar(dataset.calendar, first)


def last_final_position(dataset: DatasetConfig, calendar: Calendar, at: datetime) -> int:
    """Return the position of the last step whose row is final at a moment, -1: none.

    A bar is final `close_margin_minutes` after its session: until then close and volume move. A
    reading on the fixed calendar is final once its time has come.
    """
    reading = calendar.sessions is None and dataset.kind == "values"
    if reading and dataset.source.kind != "fdr":  # FinanceDataReader's values are daily, too
        return calendar.last_before(at)
    return calendar.last_closed(at - timedelta(minutes=dataset.close_margin_minutes))


def final_since(
    dataset: DatasetConfig, calendar: Calendar, at: datetime
) -> tuple[datetime, datetime] | None:
    """Return since when the last session that is final at a moment has been so, and its date.

    Both are UTC. None: the steps are no sessions, or none is final yet.
    """
    if calendar.closes is None or calendar.sessions is None:
        return None
    position = last_final_position(dataset, calendar, at)
    if position < 0:
        return None
    close, session = (
        pd.Timestamp(times[position]).tz_localize("UTC").to_pydatetime()
        for times in (calendar.closes, calendar.sessions)
    )
    return close + timedelta(minutes=dataset.close_margin_minutes), session


def naive_times(times: pd.Series) -> np.ndarray:
    """Return UTC times as datetime64[us] without a zone, the form positions are looked up in."""
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")


@lru_cache(maxsize=8)
def _exchange_calendar(name: str, first: str) -> Calendar:
    import exchange_calendars  # 1 s to import, 2 s to build: only where an exchange is asked for

    exchange = exchange_calendars.get_calendar(name, start=first)
    sessions = exchange.sessions.to_numpy().astype("datetime64[us]")
    closes = exchange.closes.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return Calendar(name, 1440, 0, sessions, closes.astype("datetime64[us]"), str(exchange.tz))


def _as_stamp(moment: datetime) -> np.datetime64:
    stamp = pd.Timestamp(moment)
    utc = stamp if stamp.tz is None else stamp.tz_convert("UTC").tz_localize(None)
    return utc.as_unit("us").to_datetime64()
