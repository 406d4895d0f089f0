"""Ingestion: fetch in batches of series, judge every row, merge what is new."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError, shown
from pipelines_lib.lake import Lake, MergeCounts, declare_dataset
from pipelines_lib.series.calendar import Calendar, make_calendar
from pipelines_lib.series.quality import RULES, check_rows
from pipelines_lib.sources import Source
from pipelines_lib.tables import INGESTS, LABELS, QUARANTINE, observations_table

SERIES_PER_BATCH = 500
"""Series fetched, judged and committed together: bounds memory and the number of commits."""


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did. `rules` counts the rows of this fetch by the rule that they broke."""

    dataset: str
    n_series: int = 0
    fetched: int = 0
    observations: MergeCounts = field(default_factory=MergeCounts)
    quarantined: int = 0
    """Rows that are new in quarantine."""
    rules: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    last_time: str = ""
    version: int | None = None


def ingest_dataset(
    lake: Lake,
    dataset: DatasetConfig,
    source: Source,
    *,
    ingest_id: str,
    at: datetime,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
) -> IngestReport:
    """Bring the lake up to date with a source; a repeated ingest changes no row.

    Args:
        lake: Where the rows go.
        dataset: The declaration; it is kept in the lake.
        source: Where the rows come from.
        ingest_id: Written beside each row that is new or changed.
        at: When the ingest began, UTC.
        on_batch: Called with the series done and the total.

    Raises:
        SourceError: The source cannot be read, or more than `max_failed_share` of the series
            failed; what was good is stored by then.
        ConfigError: The dataset exists with another declaration.
    """
    wanted = list(dict.fromkeys(dataset.series_ids)) or source.list_series()
    if not wanted:
        raise SourceError(f"{source.describe()} has no series: check source.path")
    declare_dataset(lake, dataset)
    _log_lost_ingests(lake, dataset, at)
    calendar = make_calendar(dataset)
    reports = []
    for begin in range(0, len(wanted), SERIES_PER_BATCH):
        batch = wanted[begin : begin + SERIES_PER_BATCH]
        reports.append(_ingest_batch(lake, dataset, source, batch, calendar, ingest_id, at))
        on_batch(begin + len(batch), len(wanted))
    version = lake.table_version(dataset.name, observations_table(dataset.columns))
    report = _joined(dataset.name, len(wanted), reports, version)
    _refuse_too_many_failures(report, dataset)
    if report.fetched and version is None:
        broken = ", ".join(
            f"{rule.name} {report.rules[rule.name]}: {rule.reason}"
            for rule in RULES
            if rule.name in report.rules
        )
        raise SourceError(
            f"all {report.fetched} rows of dataset {dataset.name} went to quarantine ({broken}): "
            "correct the declaration or the source"
        )
    return report


def _ingest_batch(
    lake: Lake,
    dataset: DatasetConfig,
    source: Source,
    series_ids: list[str],
    calendar: Calendar,
    ingest_id: str,
    at: datetime,
) -> IngestReport:
    fetched = source.fetch_rows(series_ids, start=dataset.start, end=dataset.end)
    failures = dict(fetched.failures)
    answered = set(fetched.rows["series_id"])
    for name in series_ids:
        if name not in answered and name not in failures:
            failures[name] = (
                f"no rows from {dataset.start or 'the start'} to {dataset.end or 'now'}"
            )
    checked = check_rows(fetched.rows, dataset=dataset, calendar=calendar)
    table = observations_table(dataset.columns)
    counts = lake.merge_rows(dataset.name, table, checked.good.assign(ingest_id=ingest_id))
    refused = lake.merge_rows(
        dataset.name, QUARANTINE, checked.quarantined.assign(ingest_id=ingest_id)
    )
    if fetched.labels is not None:
        lake.merge_rows(dataset.name, LABELS, fetched.labels.assign(ingest_id=ingest_id))
    if counts.written or refused.written:
        log = _ingest_log(lake, dataset, fetched.rows, ingest_id)
        log = log.assign(ingest_id=ingest_id, at=at, source=source.describe())
        lake.merge_rows(dataset.name, INGESTS, log)
    newest = checked.good["time"].max()
    return IngestReport(
        dataset.name,
        fetched=len(fetched.rows),
        observations=counts,
        quarantined=refused.written,
        rules=checked.counts,
        failures=failures,
        last_time="" if pd.isna(newest) else newest.isoformat(),
    )


def _ingest_log(
    lake: Lake, dataset: DatasetConfig, raw: pd.DataFrame, ingest_id: str
) -> pd.DataFrame:
    """Return a row for each series of which this ingest stored or quarantined something."""
    table, mine = observations_table(dataset.columns), {"ingest_id": ingest_id}
    stored = lake.count_rows(dataset.name, table, equal=mine)
    repaired = lake.count_rows(dataset.name, table, equal=mine, having="repair")
    refused = lake.count_rows(dataset.name, QUARANTINE, equal=mine)
    here = raw["series_id"].unique()
    times = raw.groupby("series_id")["time"]
    log = pd.DataFrame(
        {
            "first_time": times.min(),
            "last_time": times.max(),
            "fetched": raw.groupby("series_id").size(),
            "stored": stored,
            "repaired": repaired,
            "quarantined": refused,
        },
        index=pd.Index(sorted(here), name="series_id"),
    )
    counts = ["fetched", "stored", "repaired", "quarantined"]
    log[counts] = log[counts].fillna(0).astype("int64")
    return log[(log["stored"] > 0) | (log["quarantined"] > 0)].reset_index()


def _log_lost_ingests(lake: Lake, dataset: DatasetConfig, at: datetime) -> None:
    """Log what an ingest that was killed before its log had stored: only its counts are known."""
    table = observations_table(dataset.columns)
    logged = set(lake.count_rows(dataset.name, INGESTS, by="ingest_id").index)
    written = [lake.count_rows(dataset.name, t, by="ingest_id").index for t in (table, QUARANTINE)]
    for lost in sorted((set(written[0]) | set(written[1])) - logged):
        mine = {"ingest_id": lost}
        counts = pd.DataFrame(
            {
                "stored": lake.count_rows(dataset.name, table, equal=mine),
                "repaired": lake.count_rows(dataset.name, table, having="repair", equal=mine),
                "quarantined": lake.count_rows(dataset.name, QUARANTINE, equal=mine),
            }
        )
        log = counts.fillna(0).astype("int64").rename_axis("series_id").reset_index()
        log = log.assign(
            ingest_id=lost,
            at=at,
            source="lost: killed before it was logged",
            first_time=pd.Series(pd.NaT, index=log.index, dtype="datetime64[us, UTC]"),
            last_time=pd.Series(pd.NaT, index=log.index, dtype="datetime64[us, UTC]"),
            fetched=log["stored"] + log["quarantined"],
        )
        lake.merge_rows(dataset.name, INGESTS, log)


def _joined(
    dataset: str, n_series: int, reports: list[IngestReport], version: int | None
) -> IngestReport:
    rules: dict[str, int] = {}
    failures: dict[str, str] = {}
    for report in reports:
        failures |= report.failures
        for name, count in report.rules.items():
            rules[name] = rules.get(name, 0) + count
    return IngestReport(
        dataset,
        n_series,
        sum(report.fetched for report in reports),
        sum((report.observations for report in reports), MergeCounts()),
        sum(report.quarantined for report in reports),
        rules,
        failures,
        max(report.last_time for report in reports),
        version,
    )


def _refuse_too_many_failures(report: IngestReport, dataset: DatasetConfig) -> None:
    failed = len(report.failures)
    if failed > dataset.max_failed_share * report.n_series:
        reasons = "; ".join(f"{name}: {why}" for name, why in list(report.failures.items())[:3])
        raise SourceError(
            f"{failed} of {report.n_series} series of dataset {dataset.name} failed, more than "
            f"max_failed_share={dataset.max_failed_share:g} allows: {shown(report.failures)} "
            f"({reasons}). What was good is stored; correct series_ids or the source, run again"
        )
