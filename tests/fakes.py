"""A source made by hand."""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from pipelines_lib.errors import SourceError
from pipelines_lib.sources import Fetched


class FakeSource:
    """Gives the rows it was made with; a series fails where a reason is known.

    `asked` keeps what it was asked for, one entry a call.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        *,
        labels: pd.DataFrame | None = None,
        reasons: dict[str, str] | None = None,
        transient: tuple[str, ...] = (),
        whole: bool = True,
        listing: list[str] | SourceError | None = None,
    ) -> None:
        self.rows, self.labels, self.reasons = rows, labels, reasons or {}
        self.transient, self.whole, self.listing = frozenset(transient), whole, listing
        self.asked: list[dict[str, date | None]] = []

    def describe(self) -> str:
        return "fake: by hand"

    def list_series(self) -> list[str]:
        if isinstance(self.listing, SourceError):
            raise self.listing
        return self.listing or sorted({*self.rows["series_id"], *self.reasons})

    def fetch_rows(self, starts: Mapping[str, date | None], *, end: date | None) -> Fetched:
        self.asked.append(dict(starts))
        failures = {name: self.reasons[name] for name in starts if name in self.reasons}
        begin = {n: start or date.min for n, start in starts.items()}
        first = self.rows["series_id"].map(begin).astype(object)
        days = self.rows["time"].dt.date
        inside = (
            first.notna()
            & ~self.rows["series_id"].isin(failures)
            & (days >= first.fillna(date.max))
            & (days <= (end or date.max))
        )
        rows = self.rows[inside].drop(columns=["repair", "ingest_id"])
        return Fetched(rows, self.labels, failures, self.transient & set(failures))
