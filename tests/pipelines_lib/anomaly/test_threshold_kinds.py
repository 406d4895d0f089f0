"""Every kind of threshold, by hand."""

import numpy as np
import pytest
from scipy.stats import genpareto, norm

from pipelines_lib.anomaly.hundman import find_pruned_level
from pipelines_lib.anomaly.thresholds import fit_threshold
from pipelines_lib.config.detector import ThresholdConfig
from pipelines_lib.errors import SeriesError

HUNDRED = np.arange(100.0)
TWO_LEVELS = np.array([1.0] * 10 + [3.0] * 10)
"""Mean 2, standard deviation 1."""
KINDS = ["fixed", "k_sigma", "quantile", "mad", "pot", "hundman", "conformal"]


def fit(past, kind, breaks=None, **fields):
    return fit_threshold(np.asarray(past), ThresholdConfig(kind=kind, **fields), breaks=breaks)


def test_fit_threshold_fixed_is_k_standard_deviations_in_log():
    fitted = fit(HUNDRED, "fixed", k=3)
    assert fitted.value == pytest.approx(1.3862943611198906)  # ln 4
    assert fitted.p_values(np.array([95.0])) == pytest.approx([6 / 101])


def test_fit_threshold_k_sigma():
    fitted = fit(TWO_LEVELS, "k_sigma", k=6)
    assert fitted.value == 8.0
    assert fitted.p_values(np.array([2.0, 3.0])) == pytest.approx([0.5, 0.15865525393145707])


def test_fit_threshold_mad():
    past = [0.0] * 10 + [1.0] * 5 + [2.0] * 10  # median 1, MAD 1
    fitted = fit(past, "mad", k=2)
    assert fitted.value == pytest.approx(1 + 2 * 1.4826)
    assert fitted.p_values(np.array([2.4826])) == pytest.approx([norm.sf(1)])


def test_fit_threshold_mad_of_mostly_equal_scores_takes_the_mean_deviation():
    past = [0.0] * 15 + [4.0] * 5  # median 0, MAD 0, mean deviation 1
    assert fit(past, "mad", k=2).value == pytest.approx(2 * 1.2533)


def test_fit_threshold_quantile():
    assert fit(np.arange(101.0), "quantile", quantile=0.99).value == 99.0


@pytest.mark.parametrize(
    ("risk", "value"),
    [
        (0.1, 90.0),  # 10 of 101 ranks: 9 past scores as high, 91 .. 99
        (0.02, 98.0),  # 2.02 ranks: one past score as high
        (0.0099, np.inf),  # the smallest p-value is 1 / 101 = .00990
        (0.01, 99.0),
    ],
)
def test_fit_threshold_conformal_alarms_where_p_is_within_the_risk(risk, value):
    fitted = fit(HUNDRED, "conformal", risk=risk)
    assert fitted.value == value
    scores = np.arange(0, 110, 0.5)
    within = fitted.p_values(scores) <= risk
    assert (fitted.alarms(scores) == within).all()


def test_p_values_count_past_scores_as_high():
    p_value = fit(HUNDRED, "conformal").p_values(np.array([0.0, 99.0, 98.5, 100.0, np.nan]))
    assert p_value[:4] == pytest.approx([1.0, 2 / 101, 2 / 101, 1 / 101])
    assert np.isnan(p_value[4])


def test_fit_threshold_pot_finds_the_tail_of_a_pareto_distribution():
    rng = np.random.default_rng(0)
    past = genpareto.rvs(0.2, scale=1.0, size=50_000, random_state=rng)
    fitted = fit(past, "pot", risk=0.001)
    true = genpareto.isf(0.001, 0.2)  # 14.9
    assert fitted.value == pytest.approx(true, rel=0.05)
    assert fitted.p_values(np.array([fitted.value]))[0] == pytest.approx(0.001)
    assert fitted.p_values(np.array([genpareto.isf(1e-5, 0.2)]))[0] == pytest.approx(1e-5, rel=0.4)
    p_value = fitted.p_values(np.linspace(0, 30, 500))
    assert (np.diff(p_value) <= 0).all()


def test_fit_threshold_pot_of_few_excesses_takes_the_exponential_tail():
    past = np.append(np.zeros(98), [1.0, 3.0])  # level 0 + .02: the quantile .98
    level = 0.02
    mean = 2.0 - level
    fitted = fit(past, "pot", risk=0.001)
    assert fitted.value == pytest.approx(level + mean * np.log(20))
    assert fitted.p_values(np.array([level + mean])) == pytest.approx([0.02 / np.e])


def test_fit_threshold_pot_with_a_risk_above_the_tail_is_conformal():
    assert fit(HUNDRED, "pot", risk=0.1).value == 90.0


def test_fit_threshold_hundman_separates_what_stands_out():
    past = np.append(np.tile([0.0, 2.0], 50), [12.0, 12.0])  # mean 1.2, deviation 1.8
    value = fit(past, "hundman").value
    mean, spread = past.mean(), past.std()
    z = (value - mean) / spread
    assert z == pytest.approx(5.5)  # the highest of the equal ones that 12 lies above (z 5.9)


def test_fit_threshold_hundman_rates_by_hand():
    # z 2 to 4.5 leave two runs of one step above the level, z 5 to 10 only the higher one.
    past = np.array([1.0] * 96 + [5.0, 1.0, 10.0, 1.0])
    mean, spread = past.mean(), past.std()  # 1.13, .98
    low = (mean - 1.0) / mean + (spread - 0.0) / spread
    one = np.append(np.ones(98), 5.0)
    high = (mean - one.mean()) / mean + (spread - one.std()) / spread
    assert high / (1 + 1) > low / (2 + 4)
    level = mean + np.arange(2, 10.5, 0.5) * spread
    assert fit(past, "hundman").value == pytest.approx(level[level < 10].max())


def test_fit_threshold_hundman_takes_steps_after_a_break_for_another_run():
    past = np.append(np.tile([0.8, 1.2], 48), [4.0, 4.6, 4.0, 4.0])
    apart = np.zeros(len(past), dtype=bool)
    apart[-4:] = True
    one_run, many_runs = fit(past, "hundman"), fit(past, "hundman", breaks=apart)
    # As one run of four all of them are worth separating; as four runs only the highest is.
    assert one_run.value < 4.0 < many_runs.value < 4.6


def test_fit_threshold_hundman_without_scores_above_is_ten_deviations():
    assert fit(TWO_LEVELS, "hundman").value == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("peaks", "level"),
    [
        # Falls of 50 % and 2 %, then of 12 % to the ordinary 4.5: what is well above 5.2 counts.
        ([10.4, 5.2, 5.1], 5.2 / 0.87),
        # The last fall, from 8 to the ordinary 4.5, is one of 44 %: all three were kept.
        ([8.2, 8.1, 8.0], 4.5 / 0.87),
        # No fall anywhere: only what is well above the highest counts.
        ([5.1, 5.1, 5.05], 5.1 / 0.87),
    ],
)
def test_find_pruned_level_lies_above_the_peaks_that_hardly_differ(peaks, level):
    scores = np.array([4.5, peaks[1], 1.0, peaks[0], 5.01, 4.0, 0.5, peaks[2]])
    assert find_pruned_level(scores, np.zeros(8, dtype=bool), 5.0) == pytest.approx(level)


def test_fit_threshold_hundman_with_pruning_wants_more():
    far = np.append(np.tile([0.8, 1.2, 4.2], 3), [1.0] * 90)  # 4.2 is far above 1.2
    assert 1.2 < fit(far, "hundman", prune=True).value == fit(far, "hundman").value < 4.2
    # 4.2 is 5 % above 4.0, the highest that is ordinary: 4.2 / .87 would not be.
    near = np.concatenate([[4.0, 1.0] * 20, [4.2], [1.0] * 60])
    assert 4.0 < fit(near, "hundman").value < 4.2
    assert fit(near, "hundman", prune=True).value == pytest.approx(4.2 / 0.87)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_threshold_leaves_unknown_scores_out(kind):
    known = np.random.default_rng(0).exponential(size=300)
    with_gaps = np.append(known, [np.nan] * 50)
    assert fit(with_gaps, kind).value == fit(known, kind).value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.0, 0.1, 0.7])
def test_fit_threshold_of_a_constant_past_is_passed_by_no_equal_score(kind, level):
    fitted = fit(np.full(999, level), kind)
    assert not fitted.alarms(np.array([level, np.nan])).any()
    assert fitted.p_values(np.array([level])) == pytest.approx([1.0])
    assert fitted.alarms(np.array([level + 2.0])).all()
    assert fitted.p_values(np.array([level + 2.0])) == pytest.approx([1 / 1000])


@pytest.mark.parametrize("kind", KINDS)
def test_fit_threshold_refuses_few_scores(kind):
    with pytest.raises(SeriesError, match="19 past scores, a threshold needs 20: ingest more"):
        fit([1.0] * 19 + [np.nan] * 9, kind)
