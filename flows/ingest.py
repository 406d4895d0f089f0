"""Bring a dataset up to date."""

from prefect import flow

from pipelines_lib.config import DatasetConfig
from tasks.ingest import Ingested, ingest_rows


@flow(name="ingest", flow_run_name="ingest {dataset.name}")
def ingest(dataset: DatasetConfig) -> Ingested:
    """Fetch a dataset's rows, judge them, and merge what is new into the lake.

    Args:
        dataset: The declaration: source, series, calendar, columns.
    """
    return ingest_rows(dataset)
