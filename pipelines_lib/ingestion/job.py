"""What every step of one ingest knows."""

from dataclasses import dataclass
from datetime import datetime

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.sources import Source


@dataclass(frozen=True)
class Ingest:
    """One ingest: from which source into which lake, under which id, begun when (UTC)."""

    lake: Lake
    dataset: DatasetConfig
    source: Source
    calendar: Calendar
    ingest_id: str
    at: datetime
