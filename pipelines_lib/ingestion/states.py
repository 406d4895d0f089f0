"""What is known of each series: live, failing, or dead, so that a dead one is told of once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import Calendar, naive_times
from pipelines_lib.tables import OBSERVATIONS_KEY, SERIES_STATES, observations_table

LIVE, FAILING, DEAD = "live", "failing", "dead"


@dataclass(frozen=True)
class SeriesState:
    """The state of one series; `since` is NaT while it is live."""

    state: str = LIVE
    since: pd.Timestamp = pd.NaT  # type: ignore[assignment]
    reason: str = ""
    asked_from: str = ""
    """ISO date from which its history was asked for; empty: all of it."""


@dataclass(frozen=True)
class Changes:
    """What the states say that they did not say before."""

    died: dict[str, str]
    revived: tuple[str, ...]
    dead: frozenset[str]
    stopped: bool
    """Whether nothing has come in for so long, for any series, that the source is to blame."""


def read_states(lake: Lake, dataset: str) -> dict[str, SeriesState]:
    """Return the state of every series that was ever asked for."""
    rows = lake.read_rows(dataset, SERIES_STATES)
    fields = ["series_id", "state", "since", "reason", "asked_from"]
    return {
        name: SeriesState(state, since, reason, asked)
        for name, state, since, reason, asked in rows[fields].itertuples(index=False)
    }


def note_asked(
    lake: Lake,
    dataset: str,
    starts: Mapping[str, date | None],
    failures: Mapping[str, str],
    before: Mapping[str, SeriesState],
    *,
    ingest_id: str,
) -> None:
    """Note from when the histories of a batch that came were asked for, where it is news.

    An ingest that ends early need not ask for them again.
    """
    news = {}
    for name, start in starts.items():
        if name not in failures:
            old = before.get(name, SeriesState())
            asked = _earlier(old.asked_from if name in before else None, start, failed=False)
            if name not in before or asked != old.asked_from:
                news[name] = replace(old, asked_from=asked)
    _merge(lake, dataset, news, ingest_id)


def update_states(
    lake: Lake,
    dataset: DatasetConfig,
    *,
    calendar: Calendar,
    starts: Mapping[str, date | None],
    complete: Sequence[str],
    failures: Mapping[str, str],
    before: Mapping[str, SeriesState],
    reference: int,
    ingest_id: str,
) -> Changes:
    """Bring the states of all series up to date.

    A series is dead when for `dead_after` steps before `reference` it had no row, was not
    traded, or stood on one value; or when it never had a row and has failed for as long. Where
    nothing has come in for so long for any series that was not dead before, it is the source that
    has stopped, and none of them is taken for dead.

    Args:
        lake: Where the tables lie.
        dataset: The declaration.
        calendar: Its index of time.
        starts: The series asked for, and from when.
        complete: Those not asked for, having every row: the ingest that brought them may have been
            killed before it came to their states.
        failures: Those that failed, with the reason.
        before: The states so far.
        reference: Position of the newest step that a living series has.
        ingest_id: Written beside each state that is new or changed.
    """
    names = [*starts, *complete]
    still, silent = _find_still(lake, dataset, calendar, names, reference)
    was_dead = {name for name in names if before.get(name, SeriesState()).state == DEAD}
    awaited = [name for name in names if name not in was_dead]
    stopped = any(name in silent for name in awaited) and all(
        name in silent or name in failures for name in awaited
    )
    still |= {name: why for name, why in silent.items() if name in was_dead or not stopped}
    now = pd.Timestamp(calendar.times(np.array([max(reference, 0)]))[0], tz="UTC")
    states = {}
    for name in names:
        old = before.get(name, SeriesState())
        asked = old.asked_from
        if name in starts:
            asked = _earlier(
                asked if name in before else None, starts[name], failed=name in failures
            )
        if name in still:
            since, reason = still[name]
            states[name] = SeriesState(DEAD, since, reason, asked)
        elif name not in failures:
            states[name] = SeriesState(asked_from=asked)
        else:
            since = now if pd.isna(old.since) else old.since
            steps = reference - int(calendar.positions(naive_times(pd.Series([since])))[0])
            long_enough = 0 < dataset.dead_after <= steps and not stopped
            dead = old.state == DEAD or long_enough
            states[name] = SeriesState(DEAD if dead else FAILING, since, failures[name], asked)
    _merge(lake, dataset.name, states, ingest_id)
    everything = {**before, **states}
    return Changes(
        died={n: s.reason for n, s in states.items() if s.state == DEAD and n not in was_dead},
        revived=tuple(sorted(n for n in was_dead if states[n].state == LIVE)),
        dead=frozenset(n for n, state in everything.items() if state.state == DEAD),
        stopped=stopped,
    )


def _find_still(
    lake: Lake, dataset: DatasetConfig, calendar: Calendar, names: Sequence[str], reference: int
) -> tuple[dict[str, tuple[pd.Timestamp, str]], dict[str, tuple[pd.Timestamp, str]]]:
    """Return the stored series that rest at one value, and those without new rows.

    Both come with the last step at which a series moved, and with how it shows.
    """
    steps, table = dataset.dead_after, observations_table(dataset.columns)
    last_times = lake.last_times(dataset.name, table, equal={})
    last_times = last_times[last_times.index.isin(names)]
    if steps == 0 or len(last_times) == 0 or reference < steps:
        return {}, {}
    begin = pd.Timestamp(calendar.times(np.array([reference - steps]))[0], tz="UTC")
    columns = [*OBSERVATIONS_KEY, dataset.target] + (["volume"] if dataset.kind == "bars" else [])
    rows = lake.read_rows(dataset.name, table, columns=columns, start=begin)
    since_then = rows[rows["time"] > begin].groupby("series_id")
    full = since_then.size() >= steps / 2  # a missing session now and then does not wake it
    n_values = rows.groupby("series_id")[dataset.target].nunique()
    one_value = full & (n_values.reindex(full.index) == 1)
    untraded = one_value & False
    if dataset.kind == "bars":  # a volume of 0 alone says little: many indices have none
        untraded = one_value & (since_then["volume"].max() == 0)
    silent = {
        str(name): (pd.Timestamp(time), f"no new row since {pd.Timestamp(time):%Y-%m-%d}")
        for name, time in last_times.items()
        if time <= begin
    }
    resting = {
        str(name): "not traded" if untraded[name] else f"stuck on one {dataset.target}"
        for name in full.index[one_value]
        if name in set(names)
    }
    moved = _last_moves(lake, dataset, resting)
    still = {
        name: (moved[name], f"{how} since {moved[name]:%Y-%m-%d}") for name, how in resting.items()
    }
    return still, silent


def _last_moves(
    lake: Lake, dataset: DatasetConfig, resting: Mapping[str, str]
) -> dict[str, pd.Timestamp]:
    """Return the last step at which each series was traded, or took its one value."""
    if not resting:
        return {}
    columns = [*OBSERVATIONS_KEY, dataset.target] + (["volume"] if dataset.kind == "bars" else [])
    rows = lake.read_rows(
        dataset.name, observations_table(dataset.columns), columns=columns, series_ids=list(resting)
    )
    first = ~rows.duplicated("series_id")
    moved = rows[dataset.target].diff() != 0
    if dataset.kind == "bars":
        untraded = rows["series_id"].map(resting) == "not traded"
        moved = moved.where(~untraded, rows["volume"] > 0)
    times = rows[moved | first].groupby("series_id")["time"].max()
    return {str(name): pd.Timestamp(time) for name, time in times.items()}


def _earlier(asked: str | None, start: date | None, *, failed: bool) -> str:
    """Return from when a history was asked for by now: an ask that failed does not count."""
    new = "" if start is None else start.isoformat()
    if asked is None:
        return new
    return asked if failed else min(asked, new)


def _merge(lake: Lake, dataset: str, states: Mapping[str, SeriesState], ingest_id: str) -> None:
    if not states:
        return
    rows = pd.DataFrame([vars(state) for state in states.values()])
    rows = rows.assign(series_id=list(states), ingest_id=ingest_id)
    rows["since"] = pd.to_datetime(rows["since"], utc=True).astype("datetime64[us, UTC]")
    lake.merge_rows(dataset, SERIES_STATES, rows)
