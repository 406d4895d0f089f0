"""Ingest a dataset."""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import task
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from pipelines_lib.config import DatasetConfig
from tasks.context import may_pass, open_context

if TYPE_CHECKING:
    from pipelines_lib.ingestion import IngestReport


@dataclass(frozen=True)
class Ingested:
    """What an ingest did, and how long it took."""

    report: "IngestReport"
    seconds: float


@task(
    task_run_name="ingest {dataset.name}",
    tags=["ingest"],
    retries=2,
    retry_delay_seconds=[5, 30],
    retry_condition_fn=may_pass,
)
def ingest_rows(dataset: DatasetConfig) -> Ingested:
    """Fetch a dataset's rows, judge them, merge what is new into its tables."""
    from pipelines_lib.ingestion import ingest_dataset
    from pipelines_lib.sources import make_source

    context, began = open_context(), perf_counter()
    report = ingest_dataset(
        context.lake,
        dataset,
        make_source(dataset, context.settings),
        ingest_id=str(flow_run.id),
        at=datetime.now(UTC),
    )
    done = report.observations
    get_run_logger().info(
        "%s: %d rows fetched, %d new, %d changed, %d unchanged, %d new in quarantine, %d of %d "
        "series failed",
        dataset.name,
        report.fetched,
        done.inserted,
        done.updated,
        done.unchanged,
        report.quarantined,
        len(report.failures),
        report.n_series,
    )
    return Ingested(report, perf_counter() - began)
