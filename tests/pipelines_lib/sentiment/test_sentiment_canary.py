"""A document changes nothing before the step that it counts for: no feature, no forecast."""

import numpy as np
import pandas as pd
import pytest
import torch

from pipelines_lib.config import ForecasterConfig, SplitConfig, TrainingConfig
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.series.features import make_features
from pipelines_lib.series.read import read_panel
from pipelines_lib.series.sentiment import COVARIATES
from pipelines_lib.tables import observations_table
from tests.documents import CPU, documents, store_and_score

FEATURES = ["close_return", *COVARIATES]
FIRST, N = "2023-01-02", 200
LAST_WEEKS = 30
"""Sessions at the end that later documents speak of."""


@pytest.fixture(scope="module")
def dataset(bars_dataset):
    return bars_dataset(documents={"kind": "synthetic", "halflife_steps": 3})


@pytest.fixture
def prices(lake, dataset, make_bars):
    lake.merge_rows(
        "prices", observations_table(dataset.columns), make_bars(["A", "B"], N, start=FIRST)
    )
    return lake


def news(closes: np.ndarray, *, seed: int, prefix: str, ingest_id: str) -> pd.DataFrame:
    """Return two documents for each close (of A, of A and B), published in the hours before."""
    rng = np.random.default_rng(seed)
    entries = []
    for number, close in enumerate(closes):
        for series in ("A", "A,B"):
            time = close - np.timedelta64(int(rng.integers(0, 86_400)), "s")
            name = f"{prefix}{number}{series[-1]}"
            entries.append((name, str(time), series, f"{rng.uniform(-1, 1):.6f}"))
    return documents(*entries, ingest_id=ingest_id)


@pytest.fixture
def closes(krx_calendar):
    first = int(np.searchsorted(krx_calendar.sessions, np.datetime64(FIRST, "us")))
    return krx_calendar.closes[first : first + N]


def features_of(lake, dataset):
    panel, _ = read_panel(lake, dataset)
    return panel, make_features(panel, list(COVARIATES))


def test_no_later_document_changes_a_bit_of_what_was_known(prices, dataset, closes):
    """With a real forecaster: neither features nor forecasts from origins before it change."""
    torch.set_num_threads(1)
    store_and_score(prices, dataset, news(closes, seed=1, prefix="a", ingest_id="i1"))
    panel, before = features_of(prices, dataset)
    config = ForecasterConfig(
        lookback=10,
        hidden=8,
        horizon=3,
        features=FEATURES,
        split=SplitConfig(validation_steps=20, calibration_steps=20, test_steps=40),
        training=TrainingConfig(max_epochs=3, batch_size=32, learning_rate=0.02),
    )
    forecaster = fit_forecaster(panel, dataset=dataset, config=config, device=CPU).forecaster
    origins = np.flatnonzero(panel.row_in_series >= 150)
    was = forecaster.forecast_windows(forecaster.prepare(panel), origins)

    known = closes[
        -LAST_WEEKS - 1
    ]  # of the session t; what is added came a second after it, or later
    later = news(closes[-LAST_WEEKS:], seed=2, prefix="b", ingest_id="i2")
    later["time"] = later["time"].clip(lower=pd.Timestamp(known, tz="UTC") + pd.Timedelta("1s"))
    assert store_and_score(prices, dataset, later) > 0
    again, after = features_of(prices, dataset)
    now = forecaster.forecast_windows(forecaster.prepare(again), origins)

    old = panel.row_in_series < N - LAST_WEEKS
    assert after[old].tobytes() == before[old].tobytes()
    assert (after[~old] != before[~old]).any(axis=1).all()
    for then, today in zip(was, now, strict=True):
        assert today[old[origins]].tobytes() == then[old[origins]].tobytes()
        assert (today[~old[origins]] != then[~old[origins]]).any(axis=1).all()


@pytest.mark.parametrize(("seconds", "first"), [(-1, 100), (0, 100), (1, 101)])
def test_a_document_counts_from_the_first_close_that_it_does_not_follow(
    prices, dataset, closes, seconds, first
):
    time = str(closes[100] + np.timedelta64(seconds, "s"))
    store_and_score(prices, dataset, documents(("d0", str(closes[0]), "B", "1.0")))
    _, before = features_of(prices, dataset)
    store_and_score(prices, dataset, documents(("d1", time, "A", "0.5"), ingest_id="i2"))
    _, after = features_of(prices, dataset)
    changed = (after != before).any(axis=1)
    assert np.flatnonzero(changed)[0] == first
    assert after[first].tolist() == [0.5, np.log(2), 0.0, 0.5]
    assert not changed[N:].any()  # B


def test_a_late_document_changes_its_step_and_the_later_moods_alone(prices, dataset, closes):
    """It is ingested weeks after it was published."""
    store_and_score(prices, dataset, news(closes, seed=1, prefix="a", ingest_id="i1"))
    _, before = features_of(prices, dataset)
    late = documents(("late", str(closes[50]), "B", "0.9"), ingest_id="i2")
    store_and_score(prices, dataset, late)
    _, after = features_of(prices, dataset)
    step = N + 50  # of B
    assert after[:step].tobytes() == before[:step].tobytes()
    assert (after[step] != before[step]).all()
    assert after[step + 1 :, :3].tobytes() == before[step + 1 :, :3].tobytes()
    aged = 0.9 * 2.0 ** (-np.arange(N - 50) / 3)
    np.testing.assert_allclose(after[step:, 3] - before[step:, 3], aged, atol=1e-9)
