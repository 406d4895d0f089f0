"""Bring a dataset up to date."""

from dataclasses import replace

from pipelines_lib.config import DatasetConfig
from tasks.documents import IngestedTexts, ingest_texts, log_texts
from tasks.ingest import Ingested, announce_rows, ingest_rows, log_ingest
from tasks.job import job
from tasks.outcome import end_state


@job("ingest", "ingest {dataset.name}", on_sessions=True)
def ingest(dataset: DatasetConfig, whole: bool = False) -> Ingested | IngestedTexts:
    """Fetch a dataset's rows and documents, judge them, and merge what is new into the lake.

    Jobs that wait for new rows start then.

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
        announce_rows(name, rows)
        return end_state(rows, rows.report)
    texts = ingest_texts(dataset)
    log_texts(name, texts)
    announce_rows(name, rows)
    return end_state(replace(rows, texts=texts), rows.report, texts.report)
