"""One batch of series: judge its rows, compare them with the stored ones, commit them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from pipelines_lib.ingestion.job import Ingest
from pipelines_lib.ingestion.log import log_batch
from pipelines_lib.ingestion.report import Restatement
from pipelines_lib.ingestion.restate import (
    RESTATED,
    RESTATED_REASON,
    Comparison,
    compare_rows,
    find_short,
    note_restatements,
)
from pipelines_lib.lake import MergeCounts
from pipelines_lib.series.quality import CheckedRows, Released, check_rows, rows_as_json
from pipelines_lib.sources import Fetched
from pipelines_lib.tables import LABELS, OBSERVATIONS_KEY, QUARANTINE, observations_table


@dataclass(frozen=True)
class BatchReport:
    """What became of one batch."""

    starts: Mapping[str, date | None]
    fetched: int
    observations: MergeCounts
    quarantined: int
    rules: dict[str, int]
    examples: dict[str, str]
    failures: dict[str, str]
    transient: frozenset[str] = frozenset()
    restated: list[Restatement] = field(default_factory=list)


def store_batch(
    ingest: Ingest,
    starts: Mapping[str, date | None],
    fetched: Fetched,
    *,
    released: Released,
) -> BatchReport:
    """Judge and commit the rows of one batch, its observations in one transaction.

    Labels, and what the observations replace, are written down before them, so that a kill in
    between loses nothing: the next ingest asks for the same rows and finds the same difference.
    """
    lake, dataset = ingest.lake, ingest.dataset
    version = lake.table_version(dataset.name, observations_table(dataset.columns))
    failures = _with_silent(fetched, starts, dataset.end)
    stored = _read_stored(ingest, starts)
    checked, compared = _judge(ingest, fetched.rows, stored, stored, released)
    transient = set(fetched.transient)
    rows = fetched.rows
    if compared.pairs["changed"].any():
        rows, stored, missed = _ask_again(ingest, starts, rows, stored, compared)
        failures |= missed
        checked, compared = _judge_restated(ingest, rows, stored, compared, released)
        short = find_short(compared, compared.rows_on_another_basis(), start=dataset.start)
        if short:
            failures |= short
            rows = rows[~rows["series_id"].isin(short)]
            checked, compared = _judge_restated(ingest, rows, stored, compared, released)
        transient |= {*missed, *short}
    restated = compared.restatements()
    displaced = compared.rows_on_another_basis()
    held = pd.concat([checked.quarantined, _hold(displaced)], ignore_index=True)
    refused = lake.merge_rows(dataset.name, QUARANTINE, held.assign(ingest_id=ingest.ingest_id))
    note_restatements(
        lake,
        dataset.name,
        restated,
        old_version=version or 0,
        ingest_id=ingest.ingest_id,
        at=ingest.at,
    )
    if fetched.labels is not None:
        lake.merge_rows(dataset.name, LABELS, fetched.labels.assign(ingest_id=ingest.ingest_id))
    counts = _commit(ingest, checked, displaced)
    if counts.written or refused.written:
        log_batch(
            lake,
            dataset,
            rows,
            ingest_id=ingest.ingest_id,
            at=ingest.at,
            source=ingest.source.describe(),
        )
    return BatchReport(
        starts,
        len(rows),
        counts,
        refused.written,
        checked.counts,
        checked.examples,
        failures,
        frozenset(transient),
        restated,
    )


def _ask_again(
    ingest: Ingest,
    starts: Mapping[str, date | None],
    rows: pd.DataFrame,
    stored: pd.DataFrame,
    compared: Comparison,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Ask for the whole of the histories that have changed, where only a part was asked for.

    Returns:
        The rows and the stored rows, with the whole histories in place of the parts, and the
        series that could not be had whole, with the reason: none of their rows is left.
    """
    dataset = ingest.dataset
    changed = [found.series_id for found in compared.restatements()]
    partly = [name for name in changed if starts[name] != dataset.start]
    missed = {}
    if partly:
        again = ingest.source.fetch_rows(dict.fromkeys(partly, dataset.start), end=dataset.end)
        rows = pd.concat([rows[~rows["series_id"].isin(partly)], again.rows], ignore_index=True)
        for name in set(partly) - set(again.rows["series_id"]):
            why = again.failures.get(name, "no rows").removeprefix(f"{name}: ")
            missed[name] = f"its history has changed, and was not had whole: {why}"
    whole = _read_stored(ingest, dict.fromkeys(changed))  # also what lies before `start`
    others = stored[~stored["series_id"].isin(changed)]
    return rows, pd.concat([others, whole], ignore_index=True), missed


def _judge_restated(
    ingest: Ingest,
    rows: pd.DataFrame,
    stored: pd.DataFrame,
    compared: Comparison,
    released: Released,
) -> tuple[CheckedRows, Comparison]:
    """Judge again: stored rows of a changed history may stand on another basis, no neighbours."""
    changed = compared.pairs.loc[compared.pairs["changed"], "series_id"].unique()
    return _judge(ingest, rows, stored, stored[~stored["series_id"].isin(changed)], released)


def _with_silent(
    fetched: Fetched, starts: Mapping[str, date | None], end: date | None
) -> dict[str, str]:
    """Return the failures, those included that gave neither rows nor a reason.

    A reason stands beside its series' name wherever it is told: it need not begin with it.
    """
    failures = {name: why.removeprefix(f"{name}: ") for name, why in fetched.failures.items()}
    answered = set(fetched.rows["series_id"].unique())
    for name, start in starts.items():
        if name not in answered and name not in failures:
            failures[name] = f"no rows from {start or 'the start'} to {end or 'now'}"
    return failures


def _read_stored(ingest: Ingest, starts: Mapping[str, date | None]) -> pd.DataFrame:
    """Return the stored rows of these series since their starts, and some before."""
    table = observations_table(ingest.dataset.columns)
    since = None
    if all(starts.values()):
        calendar = ingest.calendar
        earliest = pd.Timestamp(min(start for start in starts.values() if start)).to_pydatetime()
        begin = max(calendar.last_before(earliest) - ingest.dataset.overlap_steps, 0)
        since = pd.Timestamp(calendar.times(np.array([begin]))[0], tz="UTC")
    return ingest.lake.read_rows(
        ingest.dataset.name,
        table,
        columns=[*OBSERVATIONS_KEY, *ingest.dataset.columns],
        series_ids=list(starts),
        start=since,
    )


def _judge(
    ingest: Ingest,
    rows: pd.DataFrame,
    stored: pd.DataFrame,
    neighbours: pd.DataFrame,
    released: Released,
) -> tuple[CheckedRows, Comparison]:
    """Judge rows beside the stored ones before them, and compare the good with all stored."""
    earlier = neighbours[:0]
    if len(rows):
        first = rows.groupby("series_id", observed=True)["time"].min()
        earlier = neighbours[neighbours["time"] < neighbours["series_id"].map(first)]
    checked = check_rows(
        rows,
        dataset=ingest.dataset,
        calendar=ingest.calendar,
        at=ingest.at,
        neighbours=earlier,
        released=released,
    )
    return checked, compare_rows(checked.good, stored, dataset=ingest.dataset)


def _hold(displaced: pd.DataFrame) -> pd.DataFrame:
    return displaced[list(OBSERVATIONS_KEY)].assign(
        rule=RESTATED,
        reason=RESTATED_REASON,
        row=rows_as_json(displaced.drop(columns="series_id")),
    )


def _commit(ingest: Ingest, checked: CheckedRows, displaced: pd.DataFrame) -> MergeCounts:
    """Merge the good rows; take displaced ones out in the same transaction."""
    return ingest.lake.merge_rows(
        ingest.dataset.name,
        observations_table(ingest.dataset.columns),
        checked.good.assign(ingest_id=ingest.ingest_id),
        gone=displaced if len(displaced) else None,
    )
