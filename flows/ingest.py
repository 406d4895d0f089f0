"""Bring a dataset up to date."""

from prefect import flow

from pipelines_lib.config import DatasetConfig
from tasks.ingest import Ingested, ingest_rows, log_ingest
from tasks.outcome import end_state


@flow(name="ingest", flow_run_name="ingest {dataset.name}")
def ingest(dataset: DatasetConfig, whole: bool = False) -> Ingested:
    """Fetch a dataset's rows, judge them, and merge what is new into the lake.

    Args:
        dataset: The declaration: source, series, calendar, columns.
        whole: Ask for the whole history again, not only for what is new.
    """
    ingested = ingest_rows(dataset, whole)
    log_ingest(dataset.name, ingested)
    return end_state(ingested, ingested.report)
