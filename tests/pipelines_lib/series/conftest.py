"""Panels by hand: a fixed calendar of days, values as given, one list a series."""

from collections.abc import Callable

import numpy as np
import pytest

from pipelines_lib.series.calendar import Calendar
from pipelines_lib.series.panel import Panel

DAY = Calendar("fixed", 1440)


@pytest.fixture(scope="session")
def day_calendar() -> Calendar:
    """Return the calendar of one step a day, position 0 on 1970-01-01."""
    return DAY


@pytest.fixture(scope="session")
def make_day_panel() -> Callable[..., Panel]:
    """Return a factory: `make_day_panel({"A": {"close": [1.0, 2.0]}}, first=0)`.

    Every series begins at position `first` of the daily calendar.
    """

    def make(series: dict[str, dict[str, list[float]]], first: int = 0) -> Panel:
        columns = tuple(next(iter(series.values())))
        lengths = [len(next(iter(values.values()))) for values in series.values()]
        values = [np.array([vs[c] for c in columns], dtype="float64").T for vs in series.values()]
        return Panel(
            list(series),
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([np.arange(first, first + n) for n in lengths]),
            np.concatenate(values),
            columns,
            DAY,
        )

    return make
