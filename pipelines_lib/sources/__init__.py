"""Where rows come from: FinanceDataReader, files, or made here."""

from collections.abc import Callable

from pipelines_lib.config import DatasetConfig
from pipelines_lib.settings import Settings
from pipelines_lib.sources.base import Fetched, Source

__all__ = ["Fetched", "Source", "make_source"]


def make_source(
    dataset: DatasetConfig, settings: Settings, *, limiter: Callable[[], None] | None = None
) -> Source:
    """Return the source that a dataset declares; nothing is read or asked for yet.

    Args:
        dataset: The declaration.
        settings: Deadlines, attempts and pace of requests.
        limiter: Called before each request over the network, returns when it may be sent; None:
            this process keeps to `requests_per_second` by itself.

    Raises:
        SourceError: The source's kind cannot give the dataset's columns.
    """
    match dataset.source.kind:
        case "fdr":
            from pipelines_lib.sources.fdr import FdrSource

            return FdrSource(dataset, settings, limiter=limiter)
        case "files":
            from pipelines_lib.sources.files import FilesSource

            return FilesSource(dataset)
        case "synthetic-market":
            from pipelines_lib.sources.market import MarketSource

            return MarketSource(dataset)
        case "synthetic-sine":
            from pipelines_lib.sources.sine import SineSource

            return SineSource(dataset)
