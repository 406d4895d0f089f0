"""Thresholds that walk forward: blocks, pools, and nights that equal a walk from the start."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines_lib.anomaly.thresholds import apply_thresholds, fit_threshold
from pipelines_lib.config.detector import ThresholdConfig

KINDS = ["fixed", "k_sigma", "quantile", "mad", "pot", "hundman", "conformal"]
BUDGETS = ["bonferroni", "benjamini_hochberg"]
N_SERIES, N_STEPS, CALIBRATED = 4, 60, 20
steps = np.repeat(np.arange(N_STEPS), N_SERIES)
series = np.tile(np.arange(N_SERIES), N_STEPS)
START = 1000
"""Position of the first step."""


def make_scores(seed=0):
    """Make scores of four series and 60 steps, a few of them unknown."""
    rng = np.random.default_rng(seed)
    scores = np.log1p(rng.exponential(size=len(steps)) * (1 + series / 4))
    scores[rng.random(len(steps)) < 0.05] = np.nan
    return scores


def judge(scores, rows, past, config):
    """Judge some rows of the scores by some others."""
    return apply_thresholds(
        scores[rows],
        position=START + steps[rows],
        series=series[rows],
        past=scores[past],
        past_position=START + steps[past],
        past_series=series[past],
        anchor=START + CALIBRATED - 1,
        config=config,
    )


def judge_all(scores, config):
    return judge(scores, steps >= CALIBRATED, steps < CALIBRATED, config)


def config_of(kind, **fields):
    if kind in BUDGETS:
        return ThresholdConfig(alert_budget=0.5, budget_method=kind, refit_steps=7, **fields)
    return ThresholdConfig(kind=kind, risk=0.02, quantile=0.95, refit_steps=7, **fields)


def test_apply_thresholds_judges_each_block_by_all_scores_before_it():
    scores = make_scores()
    judged = judge_all(scores, config_of("quantile"))
    blocks = (steps[steps >= CALIBRATED] - CALIBRATED) // 7
    for block in range(6):
        before = scores[steps < CALIBRATED + 7 * block]
        expected = np.nanquantile(before, 0.95)
        assert np.unique(judged.threshold[blocks == block]) == pytest.approx([expected])
    known = np.sort(scores[(steps < CALIBRATED + 7) & np.isfinite(scores)])
    first = np.flatnonzero(blocks == 1)[0]
    score = scores[steps >= CALIBRATED][first]
    assert judged.p_value[first] == (1 + (known >= score).sum()) / (1 + len(known))


def test_apply_thresholds_alarms_are_scores_above_the_threshold():
    scores = make_scores()
    judged = judge_all(scores, ThresholdConfig(kind="conformal", risk=0.05))
    assert 0 < judged.anomalous.sum() < 20
    scores = scores[steps >= CALIBRATED]
    assert (judged.anomalous == (scores > judged.threshold)).all()
    assert (judged.anomalous == (judged.p_value <= 0.05)).all()
    assert not judged.anomalous[np.isnan(scores)].any()


@pytest.mark.parametrize("scope", ["all", "series"])
@pytest.mark.parametrize("kind", [*KINDS, *BUDGETS])
@settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(CALIBRATED + 1, N_STEPS - 1), max_size=6), seed=st.integers(0, 3))
def test_apply_thresholds_night_by_night_equals_all_at_once(kind, scope, cuts, seed):
    scores, config = make_scores(seed), config_of(kind, scope=scope)
    whole = judge_all(scores, config)
    ends = [CALIBRATED, *sorted(cuts), N_STEPS]
    nights = [
        judge(scores, (steps >= since) & (steps < until), steps < since, config)
        for since, until in pairwise(ends)
    ]
    for name in ("threshold", "p_value", "anomalous"):
        walked = np.concatenate([getattr(night, name) for night in nights])
        np.testing.assert_array_equal(walked, getattr(whole, name))


@pytest.mark.parametrize("kind", [*KINDS, *BUDGETS])
def test_apply_thresholds_does_not_know_the_future(kind):
    scores, config = make_scores(), config_of(kind)
    before = judge_all(scores, config)
    changed = np.where(steps >= 50, scores * 9 + 1, scores)
    after = judge_all(changed, config)
    earlier = steps[steps >= CALIBRATED] < 50
    for name in ("threshold", "p_value", "anomalous"):
        np.testing.assert_array_equal(getattr(before, name)[earlier], getattr(after, name)[earlier])


def test_apply_thresholds_does_not_depend_on_the_order_of_rows():
    scores, config = make_scores(), config_of("pot", scope="series")
    whole = judge_all(scores, config)
    order = np.random.default_rng(0).permutation(len(steps))
    rows, past = order[steps[order] >= CALIBRATED], order[steps[order] < CALIBRATED]
    shuffled = judge(scores, rows, past, config)
    back = np.argsort(rows)
    np.testing.assert_array_equal(shuffled.threshold[back], whole.threshold)
    np.testing.assert_array_equal(shuffled.p_value[back], whole.p_value)


def test_apply_thresholds_by_series_uses_its_own_past():
    scores = np.where(np.isnan(make_scores()), 0.1, make_scores())
    judged = judge_all(scores, config_of("k_sigma", scope="series", k=2))
    first = (steps[steps >= CALIBRATED] == CALIBRATED) & (series[steps >= CALIBRATED] == 2)
    own = scores[(series == 2) & (steps < CALIBRATED)]
    assert judged.threshold[first] == pytest.approx([own.mean() + 2 * own.std()])


def test_apply_thresholds_by_series_falls_back_on_all():
    scores = np.where(np.isnan(make_scores()), 0.1, make_scores())
    scores[(series == 1) & (steps == 0)] = np.nan  # 19 of its scores are left
    config = config_of("quantile", scope="series")
    judged = judge_all(scores, config)
    first = steps[steps >= CALIBRATED] == CALIBRATED
    calibration = scores[steps < CALIBRATED]
    of_all = np.nanquantile(calibration, 0.95)
    own = [np.quantile(calibration[n::N_SERIES], 0.95) for n in (0, 2, 3)]
    assert judged.threshold[first] == pytest.approx([own[0], of_all, own[1], own[2]])
    later = steps[steps >= CALIBRATED] == CALIBRATED + 7  # it has 26 by then
    mine = scores[(series == 1) & (steps < CALIBRATED + 7)]
    assert judged.threshold[later][1] == pytest.approx(np.nanquantile(mine, 0.95))


@pytest.mark.parametrize("scope", ["all", "series"])
def test_apply_thresholds_without_a_past_gives_no_alarm(scope):
    scores = make_scores() + 99
    early, none = steps < 4, np.zeros(len(steps), dtype=bool)
    judged = judge(scores, early, none, config_of("fixed", scope=scope))
    assert np.isnan(judged.threshold).all()
    assert np.isnan(judged.p_value).all()
    assert not judged.anomalous.any()


def test_apply_thresholds_of_nothing_is_nothing():
    none = np.zeros(len(steps), dtype=bool)
    for config in (config_of("fixed"), config_of("bonferroni", scope="series")):
        assert len(judge(make_scores(), none, steps < 30, config).threshold) == 0


def test_apply_thresholds_keeps_runs_of_series_apart_for_hundman():
    scores = np.full(len(steps), 0.5)
    scores[steps % 2 == 0] = 0.7
    scores[(steps == 5) & (series < 3)] = 4.0
    config = ThresholdConfig(kind="hundman", refit_steps=100)
    judged = judge_all(scores, config)
    order = np.lexsort((steps, series))
    order = order[steps[order] < CALIBRATED]
    expected = fit_threshold(scores[order], config, breaks=steps[order] == 0)
    assert np.unique(judged.threshold) == [expected.value]


def test_apply_thresholds_with_a_budget_says_which_score_reaches_the_limit():
    scores = np.where(np.isnan(make_scores()), 0.1, make_scores())
    judged = judge_all(scores, config_of("bonferroni"))
    first = steps[steps >= CALIBRATED] == CALIBRATED
    # .5 alarms over 4 series: p <= 1/8, 10 of the 81 ranks: 9 past scores as high.
    assert judged.threshold[first] == pytest.approx(np.sort(scores[steps < CALIBRATED])[-10])
    assert (judged.anomalous == (judged.p_value <= 0.125)).all()
    assert judged.warning == ""


@pytest.mark.parametrize("method", BUDGETS)
def test_apply_thresholds_gives_a_late_series_no_budget_of_its_own(method):
    scores = np.where(np.isnan(make_scores()), 0.1, make_scores())
    config = ThresholdConfig(alert_budget=1, budget_method=method)
    late = (steps == CALIBRATED) & (series == 2)
    judged = judge(scores, late, steps < CALIBRATED, config)
    others = judge(scores, steps == CALIBRATED, steps < CALIBRATED, config)
    assert judged.threshold[0] == others.threshold[2] > np.median(scores)


def test_apply_thresholds_warns_where_no_score_can_be_an_alarm():
    config = ThresholdConfig(alert_budget=0.01)
    judged = judge(make_scores() + 9 * (steps > 20), steps == 21, steps < 20, config)
    assert not judged.anomalous.any()
    assert np.isinf(judged.threshold).all()
    assert "a budget of 0.01 false alarms a night over 4 series needs 399 past" in judged.warning
