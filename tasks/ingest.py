"""Ingest a dataset."""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from pipelines_lib.config import DatasetConfig
from tasks.alerts import note_alerts, raise_alerts
from tasks.context import Context, may_pass, open_context
from tasks.documents import IngestedTexts
from tasks.limits import source_limiter
from tasks.patience import outwait
from tasks.progress import series_progress

if TYPE_CHECKING:
    from pipelines_lib.ingestion import IngestReport


@dataclass(frozen=True)
class Ingested:
    """What an ingest did, and how long it took."""

    report: "IngestReport"
    seconds: float
    texts: IngestedTexts | None = None
    """Of a flow that brought documents, too."""


@task(
    task_run_name="ingest {dataset.name}",
    retries=2,
    retry_delay_seconds=[5, 30],
    retry_condition_fn=may_pass,
)
def ingest_rows(dataset: DatasetConfig, whole: bool = False) -> Ingested:
    """Fetch what is new of a dataset, judge it, merge it into its tables.

    What failed and which rules were broken is left as table artifacts, also where the ingest fails
    because too much did.
    """
    from pipelines_lib.ingestion import IncompleteIngest, ingest_dataset
    from pipelines_lib.ingestion.ingest_alerts import find_partial, night_of
    from pipelines_lib.sources import make_source

    context, began, at = open_context(), perf_counter(), datetime.now(UTC)
    source = make_source(
        dataset, context.settings, limiter=source_limiter(dataset, context.settings)
    )
    try:
        with series_progress(f"series of {dataset.name}") as on_batch:
            report = ingest_dataset(
                context.lake,
                dataset,
                source,
                ingest_id=str(flow_run.id),
                at=at,
                whole=whole,
                on_batch=on_batch,
            )
    except IncompleteIngest as error:
        _tell(error.report)
        _log(context, error.report, perf_counter() - began)
        raise
    _tell(report)
    alerts = find_partial(
        context.lake,
        dataset.name,
        report.failures,
        report.sentence,
        night=night_of(dataset, at),
    )
    note_alerts(context.lake, dataset.name, alerts, at=at)
    return Ingested(report, perf_counter() - began)


@task(task_run_name="announce {dataset}")
def announce_rows(dataset: str, ingested: Ingested) -> int:
    """Say that new rows are there, once for each version of them; return how much was told.

    Jobs with `triggers` in deployments/prefect.yaml start when they hear it.
    """
    from pipelines_lib.ingestion.ingest_alerts import find_committed

    lake, alerts = open_context().lake, find_committed(ingested.report)
    return raise_alerts(lake, dataset, alerts, at=datetime.now(UTC))


@task(task_run_name="log ingest of {dataset}")
def log_ingest(dataset: str, ingested: Ingested) -> str:
    """Log the counts of an ingest to MLflow; return the run's id."""
    return _log(open_context(), ingested.report, ingested.seconds)


def _log(context: Context, report: "IngestReport", seconds: float) -> str:
    name = f"{report.dataset} {datetime.now(UTC):%Y-%m-%d}"
    with context.tracker.run(report.dataset, "ingest", name=name) as run:
        run.log_metrics(report.metrics | {"seconds": seconds})
        return run.run_id


def _tell(report: "IngestReport") -> None:
    """Log what an ingest did, and leave tables of broken rules and of series that failed."""
    from pipelines_lib.series.rules import RULES

    logger = get_run_logger()
    logger.info("%s: %s", report.dataset, report.sentence)
    for sentence in (*[found.sentence for found in report.restated[:20]], *report.warnings):
        logger.warning("%s: %s", report.dataset, sentence)
    for name, why in report.died.items():
        logger.warning("%s: %s counts as dead from now on: %s", report.dataset, name, why)
    rules = [
        {
            "rule": rule.name,
            "what happens": rule.action,
            "rows": report.rules[rule.name],
            "newest": report.examples.get(rule.name, ""),
            "reason": rule.reason,
        }
        for rule in RULES
        if rule.name in report.rules
    ]
    if rules:
        outwait(
            create_table_artifact,
            rules,
            key=f"quality-{report.dataset}",
            description="Rows of this fetch by rule",
        )
    failed = [
        {"series": name, "may pass by itself": name in report.transient, "why": why}
        for name, why in report.failures.items()
    ]
    failed += [
        {"series": name, "may pass by itself": False, "why": f"dead from now on: {why}"}
        for name, why in report.died.items()
    ]
    if failed:
        outwait(
            create_table_artifact,
            failed,
            key=f"failed-{report.dataset}",
            description="Series that gave nothing",
        )
