"""The alert budget: by hand, and by simulation on clean scores."""

import numpy as np
import pytest
from scipy.stats import poisson

from pipelines_lib.anomaly.budget import (
    alarms_within_budget,
    clean_level,
    least_past,
    rejections_on_clean_night,
)
from pipelines_lib.anomaly.thresholds import apply_thresholds
from pipelines_lib.config.detector import ThresholdConfig

METHODS = ["bonferroni", "benjamini_hochberg"]
N_SERIES, N_NIGHTS, CALIBRATED = 200, 400, 100
NIGHT = np.repeat(np.arange(N_NIGHTS + CALIBRATED), N_SERIES)
SERIES = np.tile(np.arange(N_SERIES), N_NIGHTS + CALIBRATED)
DRAWS = {
    "normal": lambda rng, size: np.log1p(np.maximum(rng.normal(size=size), 0)),
    "student, 2 degrees": lambda rng, size: np.log1p(np.abs(rng.standard_t(2, size=size))),
    "Cauchy": lambda rng, size: np.log1p(np.abs(rng.standard_cauchy(size=size))),
}


def run_nights(scores, budget, method):
    """Return whether each series is an alarm on each night (nights, series) after calibration."""
    old = NIGHT < CALIBRATED
    judged = apply_thresholds(
        scores[~old],
        position=NIGHT[~old],
        series=SERIES[~old],
        past=scores[old],
        past_position=NIGHT[old],
        past_series=SERIES[old],
        anchor=CALIBRATED - 1,
        config=ThresholdConfig(alert_budget=budget, budget_method=method),
    )
    return judged.anomalous.reshape(N_NIGHTS, N_SERIES)


def interval_of(budget, method, nights=N_NIGHTS):
    """Return the 95 % interval of the alarms in all of some clean nights."""
    if method == "bonferroni":
        return poisson.ppf([0.025, 0.975], budget * nights)
    mean, variance = rejections_on_clean_night(clean_level(budget, N_SERIES), N_SERIES)
    return nights * mean + np.array([-1.96, 1.96]) * np.sqrt(nights * variance)


def test_alarms_within_budget_bonferroni_divides_the_budget_by_the_series_of_the_night():
    p_value = np.array([0.25, 0.26, np.nan, 0.9, 0.9, 0.5, 0.51])
    night = np.array([1, 1, 1, 1, 1, 2, 2])  # 4 and 2 scored
    alarms, limit = alarms_within_budget(p_value, night, budget=1, method="bonferroni")
    assert alarms.tolist() == [True, False, False, False, False, True, False]
    assert limit.tolist() == [0.25] * 5 + [0.5] * 2


def test_alarms_within_budget_counts_the_series_that_are_watched():
    p_value, night = np.array([0.1, 0.3, 0.3, 0.3]), np.array([1, 2, 2, 2])
    alarms, limit = alarms_within_budget(
        p_value, night, budget=1, method="bonferroni", watched=np.full(4, 2)
    )
    assert limit.tolist() == [1 / 2] + [1 / 3] * 3
    assert alarms.all()


def test_alarms_within_budget_benjamini_hochberg_takes_the_largest_k():
    q = 0.3
    budget = rejections_on_clean_night(q, 4)[0]
    # Limits q k / 4: .075, .15, .225, .3. The second is too large, the third is not.
    p_value = np.array([0.9, 0.01, 0.2, 0.16, 0.08, 0.8, 0.7, 0.6])
    night = np.repeat([5, 3], 4)
    alarms, limit = alarms_within_budget(p_value, night, budget=budget, method="benjamini_hochberg")
    assert alarms.tolist() == [False, True, True, True, False, False, False, False]
    assert limit == pytest.approx([0.225] * 4 + [0.075] * 4)


@pytest.mark.parametrize("method", METHODS)
def test_alarms_within_budget_of_more_than_all_series_alarms_for_all(method):
    p_value = np.array([0.3, 1.0, np.nan])
    alarms, limit = alarms_within_budget(p_value, np.zeros(3, int), budget=9, method=method)
    assert alarms.tolist() == [True, True, False]
    assert limit.tolist() == [1.0] * 3


@pytest.mark.parametrize(
    ("m", "mean"),
    [
        (1, 0.3),
        (2, 0.3 * 0.7 + 2 * 0.3**2),  # one: 2 x .15 x .7; both: .3 squared
        (100_000, 0.3 / 0.7**2),  # the limit q / (1 - q)^2
    ],
)
def test_rejections_on_clean_night_by_hand(m, mean):
    assert rejections_on_clean_night(0.3, m)[0] == pytest.approx(mean, rel=1e-4)


def test_rejections_on_clean_night_are_those_of_uniform_p_values():
    m, nights = 30, 20_000
    p_value = np.random.default_rng(0).random(m * nights)
    mean, variance = rejections_on_clean_night(0.4, m)
    alarms, _ = alarms_within_budget(
        p_value, np.repeat(np.arange(nights), m), budget=mean, method="benjamini_hochberg"
    )
    found = alarms.reshape(nights, m).sum(axis=1)
    assert found.mean() == pytest.approx(mean, abs=1.96 * np.sqrt(variance / nights))
    assert found.var() == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize(("budget", "m"), [(0.01, 3), (1, 200), (5, 948), (199, 200)])
def test_clean_level_gives_the_budget(budget, m):
    assert rejections_on_clean_night(clean_level(budget, m), m)[0] == pytest.approx(budget)


@pytest.mark.parametrize(
    ("budget", "m", "least"), [(1, 948, 947), (3, 948, 315), (5, 12, 2), (10, 5, 0)]
)
def test_least_past_lets_the_smallest_p_value_reach_the_limit(budget, m, least):
    assert least_past(budget, m) == least
    assert 1 / (least + 1) <= min(1, budget / m) * (1 + 1e-9)
    assert least_past(budget, m, "benjamini_hochberg") >= least


@pytest.mark.parametrize("budget", [1, 5])
@pytest.mark.parametrize("method", METHODS)
def test_apply_thresholds_keeps_the_budget_on_clean_scores(method, budget):
    draws = [DRAWS[name] for name in ("normal", "student, 2 degrees", "Cauchy")]
    found = [
        run_nights(draws[seed % 3](np.random.default_rng(seed), NIGHT.shape), budget, method).sum()
        for seed in range(12)
    ]
    low, high = interval_of(budget, method)
    # 12 repeats of 400 nights: each lies within the interval with 95 %, so that fewer than 10 of
    # 12 do with 2 %; and so does their sum.
    assert sum(low <= count <= high for count in found) >= 10
    low, high = interval_of(budget, method, nights=12 * N_NIGHTS)
    assert low <= sum(found) <= high


@pytest.mark.parametrize("method", METHODS)
def test_apply_thresholds_opens_no_more_events_than_the_budget_on_slow_scores(method):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(N_NIGHTS + CALIBRATED, N_SERIES))
    for night in range(1, len(noise)):
        noise[night] = 0.9 * noise[night - 1] + np.sqrt(1 - 0.81) * noise[night]
    alarms = run_nights(np.log1p(np.maximum(noise, 0)).ravel(), 5, method)
    opened = alarms & ~np.roll(alarms, 1, axis=0)
    assert 0 < opened.sum() <= interval_of(5, method)[1]


@pytest.mark.parametrize(
    ("method", "others"),
    # 97.5 % of: Poisson of 1; by Benjamini-Hochberg, which allows a share q = .38 of all alarms.
    [("bonferroni", 3), ("benjamini_hochberg", 10)],
)
def test_apply_thresholds_finds_the_strange_series_within_the_budget(method, others):
    rng = np.random.default_rng(0)
    scores = DRAWS["normal"](rng, NIGHT.shape)
    strange = (NIGHT == CALIBRATED + 50) & (SERIES < 6)  # 3 % of the series
    scores[strange] = np.log1p(6.0)
    alarms = run_nights(scores, 1, method)
    assert alarms[50, :6].all()
    assert alarms[50, 6:].sum() <= others
