"""The source of a dataset's documents; a synthetic market knows what its headlines speak of."""

from collections.abc import Sequence

import numpy as np

from pipelines_lib.config import DatasetConfig
from pipelines_lib.config.documents import require_documents
from pipelines_lib.series.calendar import make_calendar, naive_times
from pipelines_lib.sources.documents import DocumentFiles, DocumentSource
from pipelines_lib.sources.headlines import HeadlineSource, Moves
from pipelines_lib.sources.market import MarketSource
from pipelines_lib.sources.synthetic import FIRST_SESSION, LAST_SESSION


def make_document_source(dataset: DatasetConfig, series_ids: Sequence[str] = ()) -> DocumentSource:
    """Return the source that a dataset declares; of files it is known which there are.

    Args:
        dataset: The declaration, with documents.
        series_ids: synthetic: series that the headlines speak of; empty: those that the dataset
            names, or its synthetic market has.

    Raises:
        SourceError: There is no file.
        ConfigError: The dataset has no documents.
    """
    require_documents(dataset.name, dataset.documents)
    config = dataset.documents
    if config.kind == "files":
        return DocumentFiles(config)
    names = list(series_ids or dataset.series_ids)
    first, last = (np.datetime64(day, "us") for day in (FIRST_SESSION, LAST_SESSION))
    moves = None
    if dataset.has_series and dataset.source.kind == "synthetic-market":
        market = MarketSource(dataset)
        known = market.list_series()
        moves = make_moves(dataset, market, [n for n in names if n in known] or known)
        names = names or known
        first, last = moves.ends[0], moves.ends[-1]
    return HeadlineSource(config, names, first=first, last=last, moves=moves)


def make_moves(dataset: DatasetConfig, market: MarketSource, series_ids: Sequence[str]) -> Moves:
    """Return until when documents count for the steps of a market, and how its shares moved."""
    bars = market.fetch_rows(dict.fromkeys(series_ids), end=None).rows
    closes = bars.pivot_table(index="time", columns="series_id", values="close", aggfunc="last")
    prices = closes.reindex(columns=list(series_ids)).to_numpy("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.diff(np.log(prices), axis=0, prepend=np.nan)
    returns[~np.isfinite(returns)] = 0.0
    times = naive_times(closes.index.to_series())
    calendar = make_calendar(dataset)
    # Where a step ends for documents, as in Calendar.document_positions: one that counts for it has
    # to foretell the step after it.
    sessions = calendar.closes
    ends = times if sessions is None else sessions[calendar.positions(times)]
    return Moves(ends, tuple(series_ids), returns)
