"""Where rows come from: FinanceDataReader, files, or made here."""

from pipelines_lib.config import DatasetConfig
from pipelines_lib.settings import Settings
from pipelines_lib.sources.base import Fetched, Source

__all__ = ["Fetched", "Source", "make_source"]


def make_source(dataset: DatasetConfig, settings: Settings) -> Source:
    """Return the source that a dataset declares; nothing is read or asked for yet.

    Raises:
        SourceError: The source's kind cannot give the dataset's columns.
    """
    match dataset.source.kind:
        case "fdr":
            from pipelines_lib.sources.fdr import FdrSource

            return FdrSource(dataset, settings)
        case "files":
            from pipelines_lib.sources.files import FilesSource

            return FilesSource(dataset)
        case "synthetic-market":
            from pipelines_lib.sources.market import MarketSource

            return MarketSource(dataset)
        case "synthetic-sine":
            from pipelines_lib.sources.sine import SineSource

            return SineSource(dataset)
