"""What a network is given: the target's own history first, then the features, all in scale."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines_lib.config import ForecasterConfig, TrainingConfig
from pipelines_lib.forecasting.prepare import input_names, make_inputs
from pipelines_lib.series.panel import make_panel

ONCE = TrainingConfig(max_epochs=1, batch_size=32)


@pytest.fixture
def bars(make_bars, bars_dataset, krx_calendar):
    dataset = bars_dataset()
    panel = make_panel(make_bars(["A"], 60), calendar=krx_calendar, columns=dataset.columns)
    return panel, dataset


def test_features_stand_beside_the_target_s_own_history(bars):
    panel, dataset = bars
    raw = make_inputs(panel, dataset, ForecasterConfig(features=["volume_change", "calendar"]))
    assert raw.names[0] == "volume_change"
    assert raw.features.shape == (60, 5)
    close = panel.column("close")
    np.testing.assert_allclose(raw.history[1:], np.diff(np.log(close)))


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"target_kind": "level", "features": ["close", "open"]}, ["open"]),
        ({"target_kind": "log_return", "features": ["close_return", "open"]}, ["open"]),
        ({"target_kind": "level", "features": ["close_return"]}, ["close_return"]),
        ({"features": ["close_return"], "sampling_rate": 2}, ["close_return"]),
    ],
)
def test_input_names_gives_the_target_s_own_history_only_once(bars, fields, names):
    assert input_names(*bars, ForecasterConfig(**fields)) == names


def test_target_kind_says_what_the_window_holds(bars):
    panel, dataset = bars
    level = make_inputs(panel, dataset, ForecasterConfig(target_kind="level", features=[]))
    returns = make_inputs(panel, dataset, ForecasterConfig(target_kind="log_return", features=[]))
    np.testing.assert_array_equal(level.history, panel.column("close"))
    assert np.abs(returns.history[1:]).max() < 0.2
    assert level.features.shape == (60, 0)


@pytest.mark.parametrize("lookback", [5, 12])
def test_a_forecast_sees_the_lookback_and_nothing_before_it(fit_sine, sine_panel, lookback):
    forecaster = fit_sine(lookback=lookback, target_kind="level", training=ONCE).forecaster
    origin = np.array([200])

    def changed(row):
        values = sine_panel.values.copy()
        values[row] += 1.0
        made = replace(sine_panel, values=values)
        return forecaster.forecast_windows(forecaster.prepare(made), origin)[0]

    whole = forecaster.forecast_windows(forecaster.prepare(sine_panel), origin)[0]
    np.testing.assert_array_equal(changed(200 - lookback), whole)
    assert (changed(200 - lookback + 1) != whole).any()


def test_movement_is_the_mean_change_of_the_newest_steps_but_never_nothing(fit_sine, panel_of):
    forecaster = fit_sine(target_kind="level", training=ONCE).forecaster
    still = forecaster.prepare(panel_of({"Z": [1.0] * 40 + [2.0, 1.0] * 20}))
    assert still.movement[30] == pytest.approx(0.1)
    assert still.movement[79] == pytest.approx(1 / still.target_scaler.scale[0, 0])
