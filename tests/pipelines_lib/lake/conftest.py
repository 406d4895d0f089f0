"""A dataset `d` with one value column, its rows written out by hand."""

from collections.abc import Callable

import pandas as pd
import pytest

from pipelines_lib.tables import SCORES, Table, observations_table


@pytest.fixture
def observations() -> Table:
    """Return the observations table with the one column `value`."""
    return observations_table(("value",))


@pytest.fixture
def rows() -> Callable[..., pd.DataFrame]:
    """Return a factory: `rows(("A", "2024-01-02", 1.0), ...)` gives observations."""

    def make(*triples: tuple, ingest_id: str = "first", repair: str | None = None) -> pd.DataFrame:
        frame = pd.DataFrame(list(triples), columns=["series_id", "time", "value"])
        times = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
        frame["time"] = times.astype("datetime64[us, UTC]")
        return frame.assign(repair=repair, ingest_id=ingest_id)

    return make


@pytest.fixture
def score_rows() -> Callable[..., pd.DataFrame]:
    """Return a factory: `score_rows(("A", "2024-01-02", "causal", 1.0), ...)` of scorer `m`."""

    def make(*entries: tuple, scorer: str = "m") -> pd.DataFrame:
        frame = pd.DataFrame(list(entries), columns=["series_id", "time", "mode", "score"])
        frame["time"] = pd.to_datetime(frame["time"], utc=True).astype("datetime64[us, UTC]")
        rest = {"threshold": 2.0, "p_value": 0.1, "part": "forecast", "feature": "value"}
        frame = frame.assign(anomalous=frame["score"] > 2.0, scorer=scorer, data_version=1, **rest)
        frame = frame.assign(run_id="r1", model_version="1")
        return frame.assign(stale=None)[SCORES.schema.names]

    return make
