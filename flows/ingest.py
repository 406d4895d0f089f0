"""Bring a dataset up to date."""

from dataclasses import replace

from prefect import flow

from pipelines_lib.config import DatasetConfig
from tasks.documents import IngestedTexts, ingest_texts, log_texts
from tasks.ingest import Ingested, ingest_rows, log_ingest
from tasks.names import dated
from tasks.outcome import end_state


@flow(name="ingest", flow_run_name=dated("ingest {dataset.name}"))
def ingest(dataset: DatasetConfig, whole: bool = False) -> Ingested | IngestedTexts:
    """Fetch a dataset's rows and documents, judge them, and merge what is new into the lake.

    Args:
        dataset: The declaration: source, series, calendar, columns, documents.
        whole: Ask for the whole history of the series again, not only for what is new.
    """
    name = dataset.name
    if not dataset.has_series:
        texts = ingest_texts(dataset)
        log_texts(name, texts)
        return end_state(texts, texts.report)
    rows = ingest_rows(dataset, whole)
    log_ingest(name, rows)
    if not dataset.has_documents:
        return end_state(rows, rows.report)
    texts = ingest_texts(dataset)
    log_texts(name, texts)
    return end_state(replace(rows, texts=texts), rows.report, texts.report)
