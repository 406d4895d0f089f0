"""Ingestion: ask for what is new, judge every row, notice a changed history, merge."""

from pipelines_lib.ingestion.ingest import ingest_dataset
from pipelines_lib.ingestion.report import IncompleteIngest, IngestReport, Restatement

__all__ = ["IncompleteIngest", "IngestReport", "Restatement", "ingest_dataset"]
