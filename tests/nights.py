"""Nights of made-up bars, one after the other, from a source made by hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.lake import Lake
from pipelines_lib.tables import Table, observations_table
from tests.fakes import FakeSource

PRICES = ["open", "high", "low", "close"]


def evening(bars, number):
    """Return 21:00 in Seoul on the day of a step."""
    return bars["time"].drop_duplicates().iloc[number].to_pydatetime() + timedelta(hours=12)


def until(bars, number):
    return bars[bars["time"] <= bars["time"].drop_duplicates().iloc[number]]


def night(lake, dataset, rows, at, *, whole=False, ingest_id="night", **source):
    fake = FakeSource(rows, whole=False, **source)
    report = ingest_dataset(lake, dataset, fake, ingest_id=ingest_id, at=at, whole=whole)
    return report, fake


def observed(lake, dataset, name=None, version=None):
    ids = None if name is None else [name]
    table = observations_table(dataset.columns)
    return lake.read_rows(dataset.name, table, series_ids=ids, version=version)


def split(bars, name, factor):
    """Return bars of which one series stands at a lower level: a split seen from afterwards."""
    bars = bars.copy()
    old = bars["series_id"] == name
    bars.loc[old, PRICES] = np.round(bars.loc[old, PRICES] / factor, 2)
    return bars


@contextmanager
def killed_at(
    monkeypatch: pytest.MonkeyPatch,
    table: Table,
    *,
    after: bool = False,
    when: Callable[[pd.DataFrame], bool] = lambda rows: True,
) -> Iterator[list[str]]:
    """Die where the rows of a table are merged, or after them; give the tables merged before."""
    merge, merged = Lake.merge_rows, []

    def die(self, name, written, rows, **more):
        here = written.name == table.name and when(rows)
        if here and not after:
            raise KeyboardInterrupt
        counts = merge(self, name, written, rows, **more)
        merged.append(written.name)
        if here:
            raise KeyboardInterrupt
        return counts

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "merge_rows", die)
        with pytest.raises(KeyboardInterrupt):
            yield merged
