"""The interface of a source: series ids in, raw rows out, nothing checked yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import pandas as pd


@dataclass(frozen=True)
class Fetched:
    """What a source gave for some series.

    `rows` has `series_id`, `time` (datetime64[us, UTC], NaT where it could not be read), and the
    value columns asked for; other columns are dropped. Order, duplicates and values are as they
    came: the quality rules judge them.
    `labels` has `series_id`, `time`, `kind`: steps the source knows to be anomalous.
    `failures` maps a series that could not be fetched to the reason.
    """

    rows: pd.DataFrame
    labels: pd.DataFrame | None = None
    failures: dict[str, str] = field(default_factory=dict)


class Source(Protocol):
    """A place that rows come from."""

    def describe(self) -> str:
        """Return kind and place in a few words, without secrets."""
        ...

    def list_series(self) -> list[str]:
        """Return the ids of all series the source has, sorted.

        Raises:
            SourceError: The source cannot be read, or cannot list its series.
        """
        ...

    def fetch_rows(
        self, series_ids: Sequence[str], *, start: date | None, end: date | None
    ) -> Fetched:
        """Fetch the rows of these series from `start` to `end`, both inclusive.

        A series that fails goes to `failures` and never stops the others.
        """
        ...
