"""The interface of a source: series ids in, raw rows out, nothing checked yet."""

from collections.abc import Mapping
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
    `failures` maps a series that could not be fetched to the reason; those in `transient` failed
    in a way that may pass. A file that may hold any series stands under its own name.
    """

    rows: pd.DataFrame
    labels: pd.DataFrame | None = None
    failures: dict[str, str] = field(default_factory=dict)
    transient: frozenset[str] = frozenset()


class Source(Protocol):
    """A place that rows come from.

    `whole` says that a part of the history costs as much as all of it (files): such a source is
    always asked for everything, others for what is new.
    """

    whole: bool

    def describe(self) -> str:
        """Return kind and place in a few words, without secrets."""
        ...

    def list_series(self) -> list[str]:
        """Return the ids of all series the source has, sorted.

        Raises:
            SourceError: The source cannot be read, or cannot list its series.
        """
        ...

    def fetch_rows(self, starts: Mapping[str, date | None], *, end: date | None) -> Fetched:
        """Fetch the rows of each series from its start to `end`, both inclusive; None: no bound.

        A series that fails goes to `failures` and never stops the others.
        """
        ...
