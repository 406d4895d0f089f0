"""The order of an ingest: plan, fetch ahead, judge, compare with what is stored, commit."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.ingestion.batch import BatchReport, store_batch
from pipelines_lib.ingestion.job import Ingest
from pipelines_lib.ingestion.listing import read_market
from pipelines_lib.ingestion.log import log_lost_ingests
from pipelines_lib.ingestion.plan import Plan, make_plan
from pipelines_lib.ingestion.quarantine import read_releases
from pipelines_lib.ingestion.report import IncompleteIngest, IngestReport
from pipelines_lib.ingestion.restate import count_stale, read_restatements
from pipelines_lib.ingestion.states import (
    DEAD,
    SeriesState,
    note_asked,
    read_states,
    update_states,
)
from pipelines_lib.lake import Lake, MergeCounts, declare_dataset
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.rules import RULES
from pipelines_lib.sources import Fetched, Source
from pipelines_lib.tables import observations_table

SERIES_PER_BATCH = {True: 500, False: 100}
"""Series fetched, judged and committed together, of a source that is read whole and of others.

It bounds the memory, the number of commits, and what a kill loses of a slow source's answers.
"""


def ingest_dataset(
    lake: Lake,
    dataset: DatasetConfig,
    source: Source,
    *,
    ingest_id: str,
    at: datetime,
    whole: bool = False,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
) -> IngestReport:
    """Bring the lake up to date with a source; a repeated ingest changes no row.

    Args:
        lake: Where the rows go.
        dataset: The declaration; it is kept in the lake.
        source: Where the rows come from.
        ingest_id: Written beside each row that is new or changed.
        at: When the ingest began, UTC; rows of sessions open then are put off.
        whole: Ask for the whole history again, not only for what is new.
        on_batch: Called with the series done and the total.

    Raises:
        SourceError: The source cannot be read, or all its rows went to quarantine.
        IncompleteIngest: More than `max_failed_share` of the series failed; what was good is
            stored by then.
        ConfigError: The dataset exists with another declaration.
    """
    # A source that cannot be read is told of before anything is declared.
    known = None if dataset.source.market else _list_wanted(dataset, source)
    declare_dataset(lake, dataset)
    ingest = Ingest(lake, dataset, source, make_calendar(dataset), ingest_id, at)
    log_lost_ingests(lake, dataset, at)
    states = read_states(lake, dataset.name)
    warnings: list[str] = []
    if known is None:
        known, warnings = read_market(lake, dataset, source, states=states, at=at)
    elif dataset.source.kind == "files" and not dataset.series_ids:  # one that has vanished, too
        known = sorted({*known, *(name for name, s in states.items() if s.state != DEAD)})
    table = observations_table(dataset.columns)
    plan = make_plan(
        known,
        dataset=dataset,
        calendar=ingest.calendar,
        last_times=lake.last_times(dataset.name, table, equal={}),
        states=states,
        at=at,
        whole=whole or source.whole,
    )
    released = read_releases(lake, dataset.name)
    batches = []
    for batch, fetched in _fetch_ahead(source, plan, dataset.end):
        batches.append(store_batch(ingest, batch, fetched, released=released))
        note_asked(lake, dataset.name, batch, batches[-1].failures, states, ingest_id=ingest_id)
        on_batch(sum(len(b.starts) for b in batches), len(plan.starts))
    report = _join(ingest, known, plan, batches, states)
    report = replace(report, warnings=(*warnings, *report.warnings))
    _refuse_too_many_failures(report, dataset, len(known))
    if report.fetched and report.version is None:
        broken = ", ".join(
            f"{rule.name} {report.rules[rule.name]}: {rule.reason}"
            for rule in RULES
            if rule.name in report.rules
        )
        raise SourceError(
            f"none of the {report.fetched} rows of dataset {dataset.name} could be stored "
            f"({broken}): correct the declaration or the source"
        )
    return report


def _list_wanted(dataset: DatasetConfig, source: Source) -> list[str]:
    wanted = list(dict.fromkeys(dataset.series_ids)) or source.list_series()
    if not wanted:
        raise SourceError(f"{source.describe()} has no series: check source.path")
    return wanted


def _fetch_ahead(
    source: Source, plan: Plan, end: date | None
) -> Iterator[tuple[dict[str, date | None], Fetched]]:
    """Fetch batch by batch, the next one while the caller judges and commits the one before.

    Series that are asked for from the same date stand together, so that a batch compares with
    little of the lake.
    """
    size = SERIES_PER_BATCH[source.whole]
    names = sorted(plan.starts, key=lambda name: plan.starts[name] or date.min)
    batches = [
        {name: plan.starts[name] for name in names[begin : begin + size]}
        for begin in range(0, len(names), size)
    ]
    pool = ThreadPoolExecutor(1, thread_name_prefix="fetch")
    try:
        ahead = [pool.submit(source.fetch_rows, batch, end=end) for batch in batches[:1]]
        for number, batch in enumerate(batches):
            fetched = ahead.pop().result()
            if number + 1 < len(batches):
                ahead.append(pool.submit(source.fetch_rows, batches[number + 1], end=end))
            yield batch, fetched
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _join(
    ingest: Ingest,
    known: list[str],
    plan: Plan,
    batches: list[BatchReport],
    states: Mapping[str, SeriesState],
) -> IngestReport:
    """Sum up the batches, and bring the states of the series up to date."""
    lake, dataset, calendar = ingest.lake, ingest.dataset, ingest.calendar
    table = observations_table(dataset.columns)
    failures = {name: why for batch in batches for name, why in batch.failures.items()}
    newest = lake.last_times(dataset.name, table, equal={})
    reference = plan.final
    if ingest.source.whole and len(newest):  # files may have ended long ago
        last = pd.Timestamp(newest.max())
        reference = min(plan.final, calendar.last_before(last.to_pydatetime()))
    changes = update_states(
        lake,
        dataset,
        calendar=calendar,
        starts=plan.starts,
        complete=[name for name in known if name not in plan.starts],
        failures=failures,
        before=states,
        reference=reference,
        ingest_id=ingest.ingest_id,
    )
    transient = frozenset(name for batch in batches for name in batch.transient)
    told = {n: why for n, why in failures.items() if n not in changes.dead or n in transient}
    # A repeated attempt of one ingest tells of what the attempt before has restated, too.
    restated = read_restatements(lake, dataset.name, ingest_id=ingest.ingest_id)
    restated |= {found.series_id: found for batch in batches for found in batch.restated}
    rules: dict[str, int] = {}
    examples: dict[str, str] = {}
    for batch in batches:
        examples |= batch.examples
        for name, count in batch.rules.items():
            rules[name] = rules.get(name, 0) + count
    return IngestReport(
        dataset.name,
        n_series=len(known),
        asked=len(plan.starts),
        fetched=sum(batch.fetched for batch in batches),
        observations=sum((batch.observations for batch in batches), MergeCounts()),
        quarantined=sum(batch.quarantined for batch in batches),
        rules=rules,
        examples=examples,
        failures=told,
        transient=transient & set(told),
        restated=tuple(restated.values()),
        stale=count_stale(lake, dataset.name, ingest_id=ingest.ingest_id),
        died=changes.died,
        revived=changes.revived,
        n_dead=len(changes.dead),
        warnings=(
            *_warn_stopped(ingest, newest, changes.stopped),
            *_warn_behind(ingest, plan, failures, newest, dead=changes.dead),
        ),
        last_time="" if newest.empty else pd.Timestamp(newest.max()).isoformat(),
        version=lake.table_version(dataset.name, table),
    )


def _warn_stopped(ingest: Ingest, newest: pd.Series, stopped: bool) -> tuple[str, ...]:
    """Say that nothing at all comes in any more."""
    if not stopped or newest.empty:
        return ()
    return (
        f"no series of {ingest.dataset.name} has had a new row since "
        f"{pd.Timestamp(newest.max()):%Y-%m-%d}: {ingest.source.describe()} may have stopped or "
        "moved; check the source",
    )


def _warn_behind(
    ingest: Ingest,
    plan: Plan,
    failures: Mapping[str, str],
    newest: pd.Series,
    *,
    dead: frozenset[str],
) -> tuple[str, ...]:
    """Say which series answered without their newest final step."""
    if ingest.source.whole or plan.final < 0:
        return ()
    final = pd.Timestamp(ingest.calendar.times(np.array([plan.final]))[0], tz="UTC")
    answered = newest[newest.index.isin(set(plan.starts) - set(failures) - dead)]
    behind = answered[pd.to_datetime(answered, utc=True) < final]
    if behind.empty:
        return ()
    name, last = behind.index[0], pd.Timestamp(behind.iloc[0])
    return (
        f"{len(behind)} of {len(plan.starts)} series have no good row of {final:%Y-%m-%d}, the "
        f"newest step that is over; {name} ends on {last:%Y-%m-%d}. They are asked for again next "
        "time",
    )


def _refuse_too_many_failures(report: IngestReport, dataset: DatasetConfig, wanted: int) -> None:
    if len(report.failures) > dataset.max_failed_share * max(wanted, 1):
        raise IncompleteIngest(report, dataset.max_failed_share)
