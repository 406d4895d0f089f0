"""Raw rows with the sentiment of documents, for models that have learned from it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pipelines_lib.anomaly.evaluation import column_seen
from pipelines_lib.anomaly.fit import fit_detector
from pipelines_lib.config import (
    DetectorConfig,
    ForecasterConfig,
    SplitConfig,
    TrainingConfig,
)
from pipelines_lib.errors import ConfigError, SeriesError
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.lake import Lake
from pipelines_lib.predict import example_rows, make_raw_panel, predict_rows
from pipelines_lib.series.read import read_panel
from pipelines_lib.tables import observations_table
from tests.documents import CPU, documents, store_and_score

SPLIT = SplitConfig(validation_steps=30, calibration_steps=40, test_steps=40)


@pytest.fixture(scope="module")
def dataset(values_dataset):
    return values_dataset(documents={"kind": "synthetic"})


@pytest.fixture(scope="module")
def panel(tmp_path_factory, dataset, make_values):
    """Return two noisy sines with documents at every fifth hour or so."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    rows = make_values(["A", "B"], 300, noise=0.1)
    lake.merge_rows(dataset.name, observations_table(dataset.columns), rows)
    rng = np.random.default_rng(0)
    times = rows["time"][rng.integers(0, 300, 60)]
    entries = [
        (f"d{n}", str(time), "A,B"[: 1 + 2 * (n % 2)], f"{rng.uniform(-1, 1):.3f}")
        for n, time in enumerate(times)
    ]
    store_and_score(lake, dataset, documents(*entries), scorer="sensors-classifier")
    return read_panel(lake, dataset)[0]


@pytest.fixture(scope="module")
def forecaster(panel, dataset):
    torch.set_num_threads(1)
    config = ForecasterConfig(
        lookback=12,
        hidden=4,
        features=["sentiment_mood", "sentiment_count"],
        split=SPLIT,
        training=TrainingConfig(max_epochs=1),
    )
    return fit_forecaster(panel, dataset=dataset, config=config, device=CPU).forecaster


@pytest.fixture(scope="module")
def fitted_detector(panel, dataset):
    torch.set_num_threads(1)
    config = DetectorConfig(
        lookback=12,
        hidden=4,
        features=["sentiment", "value"],
        parts=["forecast", "robust_z"],
        split=SPLIT,
        training=TrainingConfig(max_epochs=1, windows_per_epoch=256),
    )
    return fit_detector(
        panel,
        dataset=dataset,
        config=config,
        device=CPU,
        labels=pd.DataFrame({"series_id": [], "time": []}),
    )


@pytest.fixture
def raw(panel):
    """Return the panel as raw rows with two features of documents."""
    ids = np.array(panel.series_ids, dtype=object)[panel.row_series]
    times = panel.times(np.arange(len(ids)))
    frame = pd.DataFrame({"series_id": ids, "time": times, "value": panel.column("value")})
    return frame.assign(**{n: panel.covariates[n] for n in ("sentiment_count", "sentiment_mood")})


def test_predict_rows_takes_sentiment_from_the_rows(forecaster, panel, raw):
    made = predict_rows(forecaster, raw.sample(frac=1, random_state=0))
    ours, _ = forecaster.forecast_next(panel)
    assert made["value"].tolist() == ours["value"].tolist()
    gloomy = raw.assign(sentiment_mood=raw["sentiment_mood"] - 1)
    assert (predict_rows(forecaster, gloomy)["value"] != made["value"]).all()


def test_predict_rows_names_the_sentiment_that_is_missing(forecaster, raw):
    with pytest.raises(SeriesError, match="rows lack sentiment_mood: a model of dataset sensors"):
        predict_rows(forecaster, raw.drop(columns="sentiment_mood"))


def test_predict_rows_refuses_sentiment_that_is_no_number(forecaster, raw):
    words = raw.astype({"sentiment_mood": object})
    words.loc[3, "sentiment_mood"] = "good"
    with pytest.raises(SeriesError, match="sentiment_mood has a value that is no number"):
        predict_rows(forecaster, words)


def test_make_raw_panel_knows_no_sentiment_of_a_step_without_a_row(dataset, raw):
    rows = raw[(raw["series_id"] == "A")].iloc[[0, 1, 3]]
    bad = rows.iloc[:1].assign(sentiment_mood=9.0)  # in quarantine: no time, no value
    rows = pd.concat([rows, bad.assign(time=pd.NaT), bad.assign(series_id="Z", value=np.nan)])
    panel = make_raw_panel(rows, dataset, covariates=["sentiment_mood"])
    first, second, fourth = rows["sentiment_mood"].iloc[:3]
    mood = panel.covariates["sentiment_mood"]
    np.testing.assert_array_equal(mood, [first, second, np.nan, fourth])


def test_example_rows_have_what_the_model_needs(forecaster, panel):
    rows = example_rows(panel, steps=40, model=forecaster)
    added = ["sentiment_mood", "sentiment_count"]
    assert list(rows.columns) == ["series_id", "time", "value", *added]
    mine = panel.covariates["sentiment_mood"][panel.row_series == 0]
    assert rows["sentiment_mood"].tolist() == mine[-40:].tolist()
    assert len(predict_rows(forecaster, rows)) == 5
    assert list(example_rows(panel, steps=40).columns) == ["series_id", "time", "value"]


def test_a_detector_scores_with_sentiment(fitted_detector, panel, raw):
    detector = fitted_detector.detector
    ours, _ = detector.score_rows(panel)
    assert np.isfinite(ours["score"]).all()
    assert set(ours["feature"]) == {"sentiment", "value"}
    named = raw.assign(sentiment=panel.covariates["sentiment"])
    assert predict_rows(detector, named)["score"].tolist() == ours["score"].tolist()
    with pytest.raises(SeriesError, match="rows lack sentiment: a model of dataset sensors"):
        predict_rows(detector, raw)


def test_column_seen_is_one_that_can_be_tampered_with(fitted_detector):
    blind = replace(fitted_detector.detector, features=["sentiment"])
    assert column_seen(blind) == column_seen(fitted_detector.detector) == "value"


def test_a_forecaster_with_sentiment_refuses_a_panel_without(forecaster, sine_panel):
    with pytest.raises(ConfigError, match="'sentiment_mood' needs the sentiment of documents"):
        forecaster.forecast_next(sine_panel)
