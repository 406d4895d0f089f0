import numpy as np
import pytest

from pipelines_lib.series.periodicity import find_period


def sine(period: float, n: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sin(2 * np.pi * np.arange(n) / period) + noise * rng.normal(size=n)


@pytest.mark.parametrize("period", [5, 7, 24, 50, 96])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_find_period_finds_that_of_a_sine(period, noise):
    assert find_period(sine(period, 12 * period, noise)) == pytest.approx(period, abs=1)


def test_find_period_prefers_the_period_to_its_multiples():
    assert find_period(sine(12, 600)) == 12


def test_find_period_sees_through_a_trend():
    assert find_period(sine(24, 500) + 0.5 * np.arange(500)) == 24


def test_find_period_takes_the_stronger_of_two():
    assert find_period(sine(50, 1000) + 0.2 * sine(5, 1000)) == 50


def test_find_period_of_noise_is_none():
    for seed in range(10):
        assert find_period(np.random.default_rng(seed).normal(size=600)) is None


def test_find_period_of_a_random_walk_is_none():
    found = [
        find_period(np.cumsum(np.random.default_rng(seed).normal(size=1200))) for seed in range(20)
    ]
    assert sum(period is not None for period in found) <= 2


@pytest.mark.parametrize("values", [[5.0] * 100, [0.0] * 100, [1e9] * 100, list(range(100))])
def test_find_period_of_what_stays_constant_about_its_line_is_none(values):
    assert find_period(np.array(values, dtype="float64")) is None


def test_find_period_bridges_what_was_not_observed():
    values = sine(24, 480)
    values[[0, 1, 50, 51, 52, 200, 479]] = np.nan
    assert find_period(values) == 24


@pytest.mark.parametrize("values", [[], [1.0] * 8, [np.nan] * 100])
def test_find_period_of_too_little_is_none(values):
    assert find_period(np.array(values, dtype="float64")) is None


def test_find_period_is_at_most_a_third_of_the_series():
    assert find_period(sine(50, 149)) is None
    assert find_period(sine(50, 160)) == pytest.approx(50, abs=2)


def test_find_period_holds_its_bounds():
    assert find_period(sine(24, 480), max_period=20) is None
    assert find_period(sine(24, 480), min_period=30) == 48
