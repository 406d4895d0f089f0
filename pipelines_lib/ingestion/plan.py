"""What to ask a source for: of each series what is new, and an overlap with what is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.ingestion.states import SeriesState
from pipelines_lib.series.calendar import Calendar, last_final_position


@dataclass(frozen=True)
class Plan:
    """The series to ask for, each from its own start (None: from the beginning)."""

    starts: dict[str, date | None]
    final: int
    """Position of the last step that a row can be had of."""


def make_plan(
    wanted: Sequence[str],
    *,
    dataset: DatasetConfig,
    calendar: Calendar,
    last_times: pd.Series,
    states: Mapping[str, SeriesState],
    at: datetime,
    whole: bool,
) -> Plan:
    """Decide from when to ask for each series; one that has every final step is not asked for.

    Args:
        wanted: The series.
        dataset: Its declaration: range and overlap.
        calendar: Its index of time.
        last_times: Newest stored time by series.
        states: What is known of each series; one that was asked for from a later date than now
            is asked for from the start.
        at: The moment of the ingest, UTC.
        whole: Ask for every series from the start.
    """
    final = last_final_position(dataset, calendar, at)
    if dataset.end is not None:
        final = min(final, calendar.last_before(datetime.combine(dataset.end, datetime.max.time())))
    if whole:
        return Plan(dict.fromkeys(wanted, dataset.start), final)
    stored = last_times[last_times.index.isin(wanted)]
    last = pd.to_datetime(stored, utc=True).dt.tz_localize(None).to_numpy()
    position = calendar.positions(last.astype("datetime64[us]"))
    overlap = calendar.times(np.maximum(position - dataset.overlap_steps, 0))
    newest = dict(zip(stored.index, position, strict=True))
    from_overlap = dict(zip(stored.index, overlap.astype("datetime64[D]").tolist(), strict=True))
    starts: dict[str, date | None] = {}
    for name in wanted:
        if name not in newest or not _asked_before(states.get(name), dataset.start):
            starts[name] = dataset.start
        elif newest[name] < final:
            starts[name] = max(from_overlap[name], dataset.start or date.min)
    return Plan(starts, final)


def _asked_before(state: SeriesState | None, start: date | None) -> bool:
    """Tell whether a series was asked for from `start` on, or from earlier on."""
    if state is None:
        return False
    return state.asked_from == "" or (start is not None and start.isoformat() >= state.asked_from)
