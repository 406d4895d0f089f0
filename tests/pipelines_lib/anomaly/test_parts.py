"""Each part of a score, by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from pipelines_lib.anomaly.learn import make_autoencoder, make_forecaster
from pipelines_lib.anomaly.parts import (
    AutoencoderPart,
    EnergyPart,
    ForecastPart,
    PCAPart,
    RobustZPart,
    ShiftPart,
)
from pipelines_lib.anomaly.parts.rebuild import fit_pca, pca_lookback
from pipelines_lib.anomaly.window import Window
from pipelines_lib.config import DetectorConfig
from pipelines_lib.training import WindowData
from tests.pipelines_lib.anomaly.stretches import CPU, NAN, errors_of, stretch_of


class LastValue(nn.Module):
    """Forecast the window's last value for every step of the horizon."""

    def __init__(self, horizon):
        super().__init__()
        self.horizon = horizon

    def forward(self, inputs):
        return inputs.past[:, -1:, :1].expand(-1, self.horizon, 1)


class OffByPlace(nn.Module):
    """Rebuild every step too high by its place in the window: its errors are 0, 1, 4, ..."""

    def forward(self, window):
        return window + torch.arange(window.shape[1])[None, :, None]


@pytest.fixture
def steady_part():
    """Return an autoencoder part whose errors are known where windows do not move at all."""
    return AutoencoderPart(OffByPlace(), lookback=4)


def test_energy_is_the_squared_scaled_value():
    errors = errors_of(EnergyPart(), stretch_of([[1.0, -2.0], [NAN, 0.5]], [[3.0, 0.0]]))
    np.testing.assert_array_equal(errors, [[1.0, 4.0], [NAN, 0.25], [9.0, 0.0]])


def test_shift_causal_holds_the_last_window_against_three_before():
    step = [0.0] * 8 + [6.0] * 4
    errors = errors_of(ShiftPart(), stretch_of(step, lookback=2))[:, 0]
    # At 8: (0 + 6) / 2 - 0. At 9: 6 - 0. At 11: 6 less the mean of steps 4 to 9, 0 0 0 0 6 6.
    np.testing.assert_allclose(errors, [NAN] * 3 + [0.0] * 5 + [3.0, 6.0, 5.0, 4.0])


def test_shift_retrospective_holds_the_next_window_against_the_last():
    step = [0.0] * 4 + [6.0] * 4
    errors = errors_of(ShiftPart(), stretch_of(step, step[::-1], lookback=2, mode="retrospective"))
    rise = [NAN, NAN, 0.0, 3.0, 6.0, 3.0, 0.0, NAN]
    np.testing.assert_allclose(errors[:, 0], rise + rise)


@pytest.mark.parametrize("mode", ["causal", "retrospective"])
def test_shift_of_fewer_rows_than_a_window_is_unknown(mode):
    errors = errors_of(ShiftPart(), stretch_of([1.0, 2.0], [3.0], lookback=9, mode=mode))
    assert np.isnan(errors).all()


def test_robust_z_by_hand():
    # Of 1 to 60 the median is 30.5, and the median distance from it 15.
    values = [*np.arange(1.0, 61.0), 60.5, 30.5]
    errors = errors_of(RobustZPart(), stretch_of(values))[:, 0]
    assert errors[60] == pytest.approx(30 / (1.4826 * 15))
    # 2 to 60 and 60.5: the middle is between 31 and 32.
    assert errors[61] == pytest.approx(1 / (1.4826 * 15))


def test_robust_z_needs_20_steps_that_move():
    values = np.r_[np.tile([0.0, 2.0], 10), 5.0]
    errors = errors_of(RobustZPart(), stretch_of(values, np.full(30, 7.0)))[:, 0]
    assert np.isnan(errors[:20]).all()
    assert errors[20] == pytest.approx(4 / 1.4826)
    assert np.isnan(errors[21:]).all()  # a spread of 0 says nothing


def test_robust_z_expects_the_median_and_skips_what_is_unknown():
    values = np.r_[np.tile([0.0, 2.0, NAN], 10), 5.0]
    stretch = stretch_of(values)
    expected = RobustZPart().expected(stretch, np.arange(31) == 30)
    np.testing.assert_array_equal(expected[:, 0], [NAN] * 30 + [1.0])


def test_forecast_averages_over_the_origins_whose_horizon_holds_a_step():
    part = ForecastPart(LastValue(2), lookback=2, horizon=2)
    stretch = stretch_of([0.0, 1.0, 4.0, 9.0, 9.0], [5.0, 5.0, 8.0])
    # Step 3 from origin 2: (9 - 4)^2, from origin 1: (9 - 1)^2. Step 2 from origin 1 alone.
    expected = [NAN, NAN, 9.0, (25 + 64) / 2, (0 + 25) / 2, NAN, NAN, 9.0]
    np.testing.assert_allclose(errors_of(part, stretch)[:, 0], expected)
    made = part.expected(stretch, np.ones(8, dtype=bool))[:, 0]
    np.testing.assert_allclose(made, [NAN, NAN, 1.0, 2.5, 6.5, NAN, NAN, 5.0])


def test_forecast_judges_each_feature_from_its_own_past():
    part = ForecastPart(LastValue(1), lookback=2, horizon=1)
    errors = errors_of(part, stretch_of([[0.0, 1.0], [1.0, 1.0], [3.0, 2.0]]))
    np.testing.assert_array_equal(errors, [[NAN, NAN], [NAN, NAN], [4.0, 1.0]])


def test_forecast_knows_nothing_behind_a_gap():
    part = ForecastPart(LastValue(1), lookback=2, horizon=1)
    errors = errors_of(part, stretch_of([1.0, 1.0, 2.0, NAN, 5.0, 5.0, 6.0]))[:, 0]
    np.testing.assert_array_equal(errors, [NAN, NAN, 1.0, NAN, NAN, NAN, 1.0])


def test_autoencoder_causal_is_the_mean_over_the_newest_segment(steady_part):
    errors = errors_of(steady_part, stretch_of([0.0] * 6, [0.0] * 3, smoothing=4))[:, 0]
    # A window that does not move has a spread of .1: errors are .01 times 0, 1, 4, 9.
    newest = 0.01 * (4 + 9) / 2
    np.testing.assert_allclose(errors, [NAN] * 3 + [newest] * 3 + [NAN] * 3, rtol=1e-5)


def test_autoencoder_causal_without_smoothing_is_the_newest_step_alone(steady_part):
    errors = errors_of(steady_part, stretch_of([0.0] * 6, smoothing=1))[:, 0]
    np.testing.assert_allclose(errors, [NAN] * 3 + [0.09] * 3, rtol=1e-5)


def test_autoencoder_retrospective_averages_over_the_windows_that_cover_a_step(steady_part):
    errors = errors_of(steady_part, stretch_of([0.0] * 6, mode="retrospective"))[:, 0]
    # Windows end at 3, 4, 5; step 2 is third of the first, second and first of the others.
    expected = [0, (1 + 0) / 2, (4 + 1 + 0) / 3, (9 + 4 + 1) / 3, (9 + 4) / 2, 9]
    np.testing.assert_allclose(errors, 0.01 * np.array(expected), rtol=1e-5, atol=1e-8)


def test_autoencoder_retrospective_takes_windows_half_a_segment_apart_and_the_last(steady_part):
    long = AutoencoderPart(steady_part.network, lookback=8)
    errors = errors_of(long, stretch_of([0.0] * 12, mode="retrospective", segment=8, lookback=8))
    # Windows end at 8, a multiple of 4, and at 11, the last.
    places = [[], [0], [1], [2], [3, 0]]
    expected = [np.mean(np.square(p)) if p else NAN for p in places]
    np.testing.assert_allclose(errors[:5, 0], 0.01 * np.array(expected), rtol=1e-5)


def test_autoencoder_that_rebuilds_all_has_no_error_in_any_unit():
    part = AutoencoderPart(nn.Identity(), lookback=4)
    values = np.random.default_rng(0).normal(size=(30, 2)) * 5
    for mode in ("causal", "retrospective"):
        stretch = stretch_of(values, mode=mode)
        assert np.nanmax(errors_of(part, stretch)) < 1e-10
        made = part.expected(stretch, np.ones(30, dtype=bool))
        np.testing.assert_allclose(made[3:], values[3:], atol=1e-5)


def test_pca_rebuilds_what_has_one_component():
    wave = np.sin(np.arange(200) * np.pi / 2 + 0.3)
    # Windows of a sine lie on a plane; those of a pattern of two values on a line.
    line = np.tile([1.0, -1.0], 100)
    for values, small in ((line, True), (wave, False)):
        stretch = stretch_of(values, lookback=8)
        data = WindowData.make(stretch.inputs, lookback=8, sampling_rate=1, device=CPU)
        part = fit_pca(data, stretch.origins(8), lookback=8, seed=0)
        assert part.components.shape == (1, 8)
        assert (np.nanmax(errors_of(part, stretch)) < 1e-10) == small


def test_pca_error_is_what_lies_off_its_components():
    part = PCAPart(np.zeros(2), np.array([[1.0, 0.0]]), lookback=2)
    errors = errors_of(part, stretch_of([1.0, 2.0, 3.0], lookback=2, segment=1))[:, 0]
    np.testing.assert_allclose(errors, [NAN, 4.0, 9.0])


@pytest.mark.parametrize(("lookback", "features", "seen"), [(60, 1, 60), (60, 38, 13), (9, 999, 1)])
def test_pca_lookback_is_shorter_for_many_features(lookback, features, seen):
    assert pca_lookback(lookback, features) == seen


@pytest.fixture(params=["forecast", "segment", "step", "pca"])
def network_part(request):
    window = Window(0, 0.0, 1, 7, 7)
    torch.manual_seed(0)
    if request.param == "forecast":
        network = make_forecaster(DetectorConfig(hidden=50), window)
        return ForecastPart(network.eval(), window.lookback, window.horizon)
    if request.param == "pca":
        components = np.linalg.qr(np.random.default_rng(0).normal(size=(7, 5)))[0].T
        return PCAPart(np.zeros(7), components, window.lookback)
    config = DetectorConfig(hidden=50, autoencoder=request.param)
    return AutoencoderPart(make_autoencoder(config, window, 1).eval(), window.lookback)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_a_step_has_the_same_bits_in_any_company_at_any_number_of_threads(network_part, threads):
    values = np.random.default_rng(0).normal(size=1500)
    stretch = stretch_of(values[:900], values[900:], lookback=7, segment=1)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        whole = errors_of(network_part, stretch)
        for some in ([1499], [700, 701, 1300], *(range(30, 1500, every) for every in (3, 5, 7))):
            found = errors_of(network_part, stretch, list(some))
            np.testing.assert_array_equal(found[list(some)], whole[list(some)])
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
