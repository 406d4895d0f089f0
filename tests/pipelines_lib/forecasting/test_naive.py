"""Naive models under the same interface: nothing trained; judged, calibrated, saved alike."""

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.forecasting.forecaster import Forecaster

NAIVE = ["last_value", "drift", "seasonal_naive"]


@pytest.mark.parametrize("target_kind", ["level", "log_return"])
@pytest.mark.parametrize("model", NAIVE)
def test_a_naive_model_is_its_own_baseline(fit_sine, model, target_kind):
    fitted = fit_sine(model=model, target_kind=target_kind)
    metrics = fitted.evaluation.metrics
    assert metrics["mae"] == pytest.approx(metrics[f"{model}_mae"], rel=1e-9)
    assert fitted.training.history == []
    assert fitted.forecaster.network is None
    assert 80 <= metrics["coverage_pct"] <= 98


@pytest.mark.parametrize("model", NAIVE)
def test_a_naive_model_of_log_returns_forecasts_prices_only(fit_sine, panel_of, sine_panel, model):
    falling = 100 * np.exp(-np.arange(420) / 60)  # its line reaches 0 within the horizon
    halted = sine_panel.values[:420, 0].copy()
    halted[[100, 330, 370]] = 0.0
    panel = panel_of({"A": falling, "B": halted})
    forecaster = fit_sine(panel, model=model, target_kind="log_return", horizon=20).forecaster
    prepared = forecaster.prepare(panel)
    origins = forecaster.find_origins(prepared)
    value, lower, _ = forecaster.forecast_windows(prepared, origins)
    assert (value > 0).all()
    assert (lower > 0).all()


def test_a_seasonal_model_takes_the_season_of_the_config(fit_sine):
    season = {s: fit_sine(model="seasonal_naive", season=s).evaluation.metrics for s in (24, 7)}
    assert season[24]["mae"] < 0.5 * season[7]["mae"]


def test_load_bundle_of_a_naive_model_forecasts_as_what_was_saved(fit_sine, sine_panel, tmp_path):
    forecaster = fit_sine(model="seasonal_naive").forecaster
    forecaster.save_bundle(tmp_path)
    loaded = Forecaster.load_bundle(tmp_path)
    pd.testing.assert_frame_equal(
        loaded.forecast_next(sine_panel)[0], forecaster.forecast_next(sine_panel)[0]
    )


@pytest.mark.parametrize("model", ["linear", "convolution", "segment", "seq2seq", "last_step"])
def test_each_trained_model_beats_the_last_value_on_a_sine(fit_sine, model):
    fields = {"segment_steps": 4, "layers": 2 if model == "convolution" else 1}
    metrics = fit_sine(model=model, target_kind="level", **fields).evaluation.metrics
    assert metrics["mae"] < 0.4 * metrics["last_value_mae"]
    assert np.isfinite(list(metrics.values())).all()


def test_a_config_refuses_quantiles_without_a_network():
    with pytest.raises(ValueError, match="interval_method 'quantile' needs a network"):
        ForecasterConfig(model="drift", interval_method="quantile")
