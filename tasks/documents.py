"""Bring a dataset's documents up to date."""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from pipelines_lib.config import DatasetConfig
from tasks.alerts import note_alerts
from tasks.context import may_pass, open_context
from tasks.patience import outwait

if TYPE_CHECKING:
    from pipelines_lib.ingestion.document_report import DocumentsReport

TOLD_EVERY = 100_000
"""Rows read between two lines of the log."""


@dataclass(frozen=True)
class IngestedTexts:
    """What an ingest of documents did, and how long it took."""

    report: "DocumentsReport"
    seconds: float


@task(
    task_run_name="ingest documents of {dataset.name}",
    retries=2,
    retry_delay_seconds=[5, 30],
    retry_condition_fn=may_pass,
)
def ingest_texts(dataset: DatasetConfig) -> IngestedTexts:
    """Read a dataset's documents, judge them, merge what is new; the rest is not written again.

    Which rules were broken and which files failed is left as table artifacts.
    """
    from pipelines_lib.ingestion.documents import ingest_documents
    from pipelines_lib.ingestion.ingest_alerts import find_partial, night_of
    from pipelines_lib.series.read import list_series

    context, began, logger = open_context(), perf_counter(), get_run_logger()
    told, at = 0, datetime.now(UTC)

    def on_batch(read: int) -> None:
        nonlocal told
        if read // TOLD_EVERY > told // TOLD_EVERY:
            logger.info("%s: %s documents read", dataset.name, f"{read:,}")
        told = read

    invented = dataset.documents.kind == "synthetic" and dataset.has_series
    report = ingest_documents(
        context.lake,
        dataset,
        ingest_id=str(flow_run.id),
        at=at,
        series_ids=list_series(context.lake, dataset) if invented else (),
        on_batch=on_batch,
    )
    _tell(report)
    alerts = find_partial(
        context.lake,
        dataset.name,
        report.failures,
        report.sentence,
        night=night_of(dataset, at),
        what="files",
    )
    note_alerts(context.lake, dataset.name, alerts, at=at)
    return IngestedTexts(report, perf_counter() - began)


@task(task_run_name="log documents of {dataset}")
def log_texts(dataset: str, ingested: IngestedTexts) -> str:
    """Log the counts of an ingest of documents to MLflow; return the run's id."""
    name = f"{dataset} documents {datetime.now(UTC):%Y-%m-%d}"
    with open_context().tracker.run(dataset, "ingest", name=name) as run:
        run.log_metrics(ingested.report.metrics | {"seconds": ingested.seconds})
        return run.run_id


def _tell(report: "DocumentsReport") -> None:
    """Log what an ingest did, and leave tables of broken rules and of files that failed."""
    from pipelines_lib.ingestion.document_rules import DOCUMENT_RULES

    get_run_logger().info("%s: %s", report.dataset, report.sentence)
    rules = [
        {"rule": rule.name, "documents": report.rules[rule.name], "reason": rule.reason}
        for rule in DOCUMENT_RULES
        if rule.name in report.rules
    ]
    if rules:
        outwait(
            create_table_artifact,
            rules,
            key=f"documents-{report.dataset}",
            description="Documents of this reading that went to quarantine, by rule",
        )
    failed = [{"file": name, "why": why} for name, why in report.failures.items()]
    if failed:
        outwait(
            create_table_artifact,
            failed,
            key=f"failed-documents-{report.dataset}",
            description="Files of documents that could not be read",
        )
