"""Intervals: the conformal rank, its unit, and what a correction below zero does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines_lib.config import ForecasterConfig, SplitConfig, TrainingConfig
from pipelines_lib.forecasting.intervals import fit_width, interval_unit
from pipelines_lib.models import Network
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import make_panel

SPLIT = SplitConfig(validation_steps=40, calibration_steps=150, test_steps=150)
METHODS = ["conformal", "local", "quantile", "conformal_quantile"]


@pytest.mark.parametrize(("level", "width"), [(0.9, 18.0), (0.52, 11.0), (0.99, 19.0)])
def test_fit_width_takes_the_residual_of_the_conformal_rank(level, width):
    # 19 residuals 1..19: at 90 % the one of rank ceil(20 * 0.9) = 18; ceil(19 * 0.52) is but 10.
    actual = np.arange(1.0, 20.0)[::-1, None] * [1, -1]
    point = np.zeros((19, 2))
    found = fit_width(point, point, actual, np.ones((19, 2)), level=level)
    assert found.tolist() == [width, width]


def test_fit_width_counts_in_the_unit_of_each_window():
    actual, unit = np.array([[2.0], [20.0], [3.0]]), np.array([[1.0], [10.0], [1.0]])
    assert fit_width(actual * 0, actual * 0, actual, unit, level=0.5).tolist() == [2.0]


def test_fit_width_is_negative_where_the_network_s_interval_is_too_wide():
    actual = np.linspace(-1, 1, 99)[:, None]
    wide = np.full((99, 1), 5.0)
    assert fit_width(-wide, wide, actual, np.ones((99, 1)), level=0.9)[0] < -4


def test_interval_unit_grows_with_the_root_of_the_step_of_log_returns(fitted_forecaster):
    prepared = fitted_forecaster.forecaster.prepare
    config = ForecasterConfig(horizon=4, interval_method="conformal")
    assert (
        interval_unit(prepared, np.arange(2), config).tolist() == [[1.0, 2**0.5, 3**0.5, 2.0]] * 2
    )


def test_interval_unit_local_follows_the_movement_of_the_newest_steps(fit_sine, panel_of):
    rng = np.random.default_rng(0)
    calm, wild = rng.normal(10, 0.1, 300), rng.normal(10, 2, 120)
    panel = panel_of({"A": np.concatenate([calm, wild])})
    fitted = fit_sine(
        panel,
        target_kind="level",
        interval_method="local",
        training=TrainingConfig(max_epochs=1),
    )
    prepared = fitted.forecaster.prepare(panel)
    unit = interval_unit(prepared, np.array([290, 415]), fitted.forecaster.config)
    assert unit[1, 0] > 5 * unit[0, 0]
    _, lower, upper = fitted.forecaster.forecast_windows(prepared, np.array([290, 415]))
    width = (upper - lower)[:, 0]
    assert width[1] / width[0] == pytest.approx(unit[1, 0] / unit[0, 0])


class Fixed(Network):
    """Forecast the same three quantiles at all of five steps, in the order they are given."""

    def __init__(self, *quantiles):
        super().__init__()
        self.quantiles = torch.tensor(quantiles)

    def forward(self, inputs):
        return self.quantiles.expand(len(inputs.past), 5, 3)


@pytest.mark.parametrize("quantiles", [(-1.0, 0.25, 2.0), (2.0, -1.0, 0.25)])
@pytest.mark.parametrize(("width", "ends"), [(0.5, (-1.5, 2.5)), (-9.0, (0.25, 0.25))])
def test_intervals_hold_the_forecast_whatever_crosses(fit_sine, sine_panel, quantiles, width, ends):
    fields = {"target_kind": "level", "interval_method": "conformal_quantile"}
    fitted = fit_sine(**fields, training=TrainingConfig(max_epochs=1)).forecaster
    forecaster = replace(fitted, network=Fixed(*quantiles), interval_width=np.full(5, width))
    prepared, origins = forecaster.prepare(sine_panel), np.array([100])
    made = forecaster.forecast_windows(prepared, origins)
    scaled = [forecaster.scale_values(prepared, origins, values) for values in made]
    assert np.concatenate(scaled)[:, 0].tolist() == pytest.approx([0.25, *ends])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target_kind", ["level", "log_return"])
def test_intervals_cover_nine_of_ten_at_every_step(
    fit_sine, make_values, sine_dataset, method, target_kind
):
    rows = make_values([f"S{i}" for i in range(12)], 800, noise=0.3, seed=1)
    panel = make_panel(rows, calendar=make_calendar(sine_dataset), columns=("value",))
    fitted = fit_sine(
        panel,
        target_kind=target_kind,
        interval_method=method,
        split=SPLIT,
        training=TrainingConfig(max_epochs=6, batch_size=128, learning_rate=0.01),
    )
    metrics = fitted.evaluation.metrics
    assert 87 <= metrics["coverage_pct"] <= 93
    by_step = fitted.evaluation.by_horizon
    assert by_step["coverage_pct"].between(86, 94).all()
    assert (by_step["interval_width"] > 0).all()
