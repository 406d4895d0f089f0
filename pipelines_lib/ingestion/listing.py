"""The series of a market: its listing, kept in the lake so that a night without one goes on."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.ingestion.states import DEAD, SeriesState
from pipelines_lib.lake import Lake
from pipelines_lib.sources import Source
from pipelines_lib.tables import LISTINGS

FRESH = timedelta(hours=12)
"""A listing younger than this is used again."""
BELIEVABLE = 0.8
"""A listing with less than this share of the one before is taken for broken."""


def read_market(
    lake: Lake,
    dataset: DatasetConfig,
    source: Source,
    *,
    states: Mapping[str, SeriesState],
    at: datetime,
) -> tuple[list[str], list[str]]:
    """Return the series of the dataset's market, and warnings.

    These are the listed ones, the declared `series_ids`, and stored ones that the listing has
    dropped, until they count as dead. A listing that cannot be had, or that has lost a fifth of its
    series at once, is replaced by the one before, with a warning.

    Raises:
        SourceError: There is no listing, and none from before.
    """
    market = dataset.source.market
    kept = lake.read_rows(dataset.name, LISTINGS, equal={"market": market})
    newest = kept["listed_at"].max()
    before = list(kept.loc[kept["listed_at"] == newest, "series_id"])
    warnings = []
    listed = before
    if not before or at - newest.to_pydatetime() > FRESH:
        try:
            listed = source.list_series()
        except SourceError as error:
            if not before:
                raise
            listed = before
            warnings = [
                f"the listing of {market} could not be had ({error}): that of "
                f"{newest:%Y-%m-%d %H:%M} UTC with {len(before):,} series was used"
            ]
        if len(listed) < BELIEVABLE * len(before):
            warnings = [
                f"the listing of {market} has only {len(listed):,} series, that of "
                f"{newest:%Y-%m-%d %H:%M} UTC had {len(before):,}: the older one was used; if the "
                "market has really shrunk, give the dataset a new name"
            ]
            listed = before
        if not warnings:
            rows = pd.DataFrame({"market": market, "series_id": listed, "listed_at": at})
            rows["listed_at"] = pd.to_datetime(rows["listed_at"], utc=True).astype(
                "datetime64[us, UTC]"
            )
            lake.merge_rows(dataset.name, LISTINGS, rows)
    once_listed = set(kept["series_id"])
    dropped = [n for n, known in states.items() if known.state != DEAD and n in once_listed]
    return sorted({*listed, *dataset.series_ids, *dropped}), warnings
