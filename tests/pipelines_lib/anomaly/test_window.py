"""How long a window is: by the period, by what is given, by what the series have."""

import numpy as np
import pytest

from pipelines_lib.anomaly.window import choose_window
from pipelines_lib.config import DetectorConfig


def wave(period, n, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    return np.sin(2 * np.pi * np.arange(n) / period) + noise * rng.normal(size=n)


def choose(*series, returns=False, rows=None, **fields):
    inputs = np.concatenate(series)
    inputs = inputs[:, None] if inputs.ndim == 1 else inputs
    return choose_window(
        inputs,
        offsets=np.concatenate([[0], np.cumsum([len(each) for each in series])]),
        rows=np.ones(len(inputs), dtype=bool) if rows is None else rows,
        config=DetectorConfig(**fields),
        returns=returns,
    )


def test_choose_window_takes_as_many_periods_as_make_60_steps():
    window = choose(wave(24, 1200))
    assert window.period == 24
    # 3 periods of 24: ten segments of 7.2.
    assert (window.segment_steps, window.lookback) == (7, 70)
    assert (window.smoothing_steps, window.horizon) == (70, 14)
    assert window.strength > 0.9


def test_choose_window_takes_one_long_period():
    window = choose(wave(100, 1200))
    assert window.period == pytest.approx(100, abs=1)
    assert (window.segment_steps, window.lookback) == (10, 100)


def test_choose_window_of_noise_is_125_steps():
    window = choose(np.random.default_rng(1).normal(size=2000))
    assert (window.period, window.strength) == (0, 0.0)
    assert (window.segment_steps, window.lookback) == (12, 120)


def test_choose_window_is_at_most_a_sixth_of_the_median_series():
    window = choose(wave(24, 240), wave(24, 240, seed=1), wave(24, 9000, seed=2))
    assert (window.segment_steps, window.lookback) == (4, 40)


def test_choose_window_of_a_very_short_series_is_12_steps():
    window = choose(wave(24, 50))
    assert (window.segment_steps, window.lookback) == (4, 12)


def test_choose_window_looks_at_training_rows_only():
    values = np.concatenate([wave(24, 1200), wave(100, 1200)])
    window = choose(values, rows=np.arange(2400) < 1200)
    assert window.period == 24
    assert choose(values, rows=np.arange(2400) >= 1200).period == pytest.approx(100, abs=1)


def test_choose_window_takes_the_period_that_most_series_share():
    waves = [wave(24, 600, seed) for seed in range(3)]
    noise = [np.random.default_rng(seed).normal(size=600) for seed in range(5)]
    assert choose(*waves, *noise[:2]).period == 24
    assert choose(*waves, *noise).period == 0


def test_choose_window_takes_the_period_that_is_given():
    window = choose(wave(24, 1200), period=48)
    assert (window.period, window.lookback) == (48, 100)  # two periods, ten segments of 10
    assert window.strength == pytest.approx(choose(wave(24, 1200)).strength, abs=0.05)
    assert choose(wave(24, 1200), period=12).strength == 0.0  # they are opposite after half of it


def test_choose_window_of_returns_is_30_steps_without_smoothing():
    window = choose(wave(24, 1200), returns=True)
    assert (window.period, window.segment_steps, window.lookback) == (0, 4, 32)
    assert window.smoothing_steps == 1
    assert choose(wave(24, 1200), returns=True, period=24).period == 24


@pytest.mark.parametrize(
    ("given", "segment", "lookback"),
    [(2, 1, 2), (11, 1, 11), (12, 4, 12), (30, 4, 32), (100, 10, 100)],
)
def test_choose_window_rounds_a_given_lookback_to_whole_segments(given, segment, lookback):
    window = choose(wave(24, 300), lookback=given)
    assert (window.segment_steps, window.lookback) == (segment, lookback)
    assert window.smoothing_steps == lookback


@pytest.mark.parametrize("given", [2, 13, 30, 61])
def test_choose_window_of_a_step_autoencoder_keeps_the_lookback(given):
    assert choose(wave(24, 600), lookback=given, autoencoder="step").lookback == given


def test_choose_window_takes_the_smoothing_that_is_given():
    assert choose(wave(24, 1200), smoothing_steps=5).smoothing_steps == 5
    assert choose(wave(24, 1200), smoothing_steps=5, returns=True).smoothing_steps == 5


def test_choose_window_bridges_what_is_unknown_and_survives_what_is_constant():
    values = wave(24, 1200)
    values[300:340] = np.nan
    assert choose(values).period == 24
    assert choose(np.zeros(400)).period == 0
    assert choose(np.full(400, np.nan)).period == 0
