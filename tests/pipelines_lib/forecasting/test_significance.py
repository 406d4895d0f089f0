"""The paired test: against other people's numbers, by hand, and how often it errs."""

import math

import numpy as np
import pytest
from scipy import stats

from pipelines_lib.comparison import PairedTest
from pipelines_lib.forecasting.significance import daily_means, mean_test, paired_test

NAN = float("nan")


def test_mean_test_without_overlap_is_student_s_t_test():
    values = np.random.default_rng(0).normal(0.2, 1.0, 40)
    statistic, p = mean_test(values, overlap=1)
    expected = stats.ttest_1samp(values, 0.0)
    assert statistic == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue)


def test_mean_test_of_two_steps_by_hand():
    # Mean 1; deviations 0 1 -1 0 2 -2 1 -1 0 0: autocovariances 1.2 at lag 0 and -0.8 at lag 1,
    # 1.2 - 1.6 < 0, so Bartlett's weight of 1/2: variance (1.2 - 0.8) / 10 = 0.04.
    falling = np.array([1.0, 2, 0, 1, 3, -1, 2, 0, 1, 1])
    assert mean_test(falling, overlap=2)[0] == pytest.approx(
        1 / math.sqrt(0.04) * math.sqrt((10 + 1 - 4 + 2 / 10) / 10)
    )
    # Deviations 1 1 -1 -1 2 2 -2 -2 0 0: 2.0 at lag 0; (1 - 1 + 1 - 2 + 4 - 4 + 4) / 10 = 0.3 at
    # lag 1: variance (2.0 + 0.6) / 10.
    rising = np.array([2.0, 2, 0, 0, 3, 3, -1, -1, 1, 1])
    statistic, p = mean_test(rising, overlap=2)
    assert statistic == pytest.approx(1 / math.sqrt(0.26) * math.sqrt(0.72))
    assert p >= 2 * stats.t.sf(statistic, 9)
    assert mean_test(np.tile(rising, 4), overlap=2)[1] == pytest.approx(
        2 * stats.t.sf(mean_test(np.tile(rising, 4), overlap=2)[0], 39)
    )


def test_mean_test_of_nothing_but_zeros_is_no_difference():
    assert mean_test(np.zeros(20), overlap=3) == (0.0, 1.0)


def test_mean_test_of_the_same_difference_every_day_is_certain():
    assert mean_test(np.full(16, -0.5), overlap=1) == (-math.inf, 0.0)


@pytest.mark.parametrize(
    ("days", "overlap", "tells"),
    [(7, 1, False), (8, 1, True), (40, 10, True), (39, 10, False), (0, 1, False)],
)
def test_mean_test_does_not_tell_from_too_few_days(days, overlap, tells):
    statistic, p = mean_test(np.arange(float(days)), overlap=overlap)
    assert (p is not None, statistic is not None) == (tells, tells)


def overlapping(rng, n, h):
    """Return losses whose errors overlap as h-step forecasts do: a moving sum of h shocks."""
    shocks = rng.normal(size=n + h - 1)
    return np.convolve(shocks, np.ones(h), mode="valid")


@pytest.mark.parametrize("h", [1, 3, 5])
def test_mean_test_rejects_a_true_null_about_as_often_as_it_says(h):
    rng = np.random.default_rng(h)
    p = [mean_test(overlapping(rng, 250, h), overlap=h)[1] for _ in range(1000)]
    assert 0.03 <= np.mean(np.array(p) < 0.05) <= 0.08


def test_mean_test_of_few_days_is_not_misled_by_their_number():
    rng = np.random.default_rng(6)
    tested = [mean_test(overlapping(rng, 60, 10), overlap=10) for _ in range(1000)]
    statistic, p = np.array(tested).T
    assert np.mean(2 * stats.t.sf(np.abs(statistic), 59) < 0.05) > 0.1  # the usual correction
    assert 0.03 <= np.mean(p < 0.05) <= 0.08


def test_mean_test_that_ignores_the_overlap_would_reject_far_too_often():
    rng = np.random.default_rng(5)
    p = [mean_test(overlapping(rng, 250, 5), overlap=1)[1] for _ in range(300)]
    assert np.mean(np.array(p) < 0.05) > 0.25


def test_mean_test_finds_a_difference_that_is_there():
    rng = np.random.default_rng(1)
    p = [mean_test(overlapping(rng, 250, 3) + 0.6, overlap=3)[1] for _ in range(200)]
    assert np.mean(np.array(p) < 0.05) > 0.8


def test_daily_means_counts_a_day_once_in_the_order_of_time():
    values, position = np.array([4.0, 1.0, 2.0]), np.array([9, 3, 9])
    assert daily_means(values, position).tolist() == [1.0, 3.0]


def test_paired_test_does_not_take_series_of_one_day_for_days():
    rng = np.random.default_rng(2)
    day = np.repeat(rng.normal(0.1, 1.0, 30), 500)  # every series loses what the day loses
    first = day + rng.normal(0, 1e-3, len(day))
    test = paired_test(first, np.zeros(len(day)), position=np.repeat(np.arange(30), 500), reach=1)
    assert test.origins == 30
    assert not test.significant
    assert stats.ttest_1samp(first, 0.0).pvalue < 0.01  # what it would say of 15,000 days


def test_paired_test_is_antisymmetric_and_leaves_unknown_losses_out():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, 60))
    first[7] = NAN
    position = rng.permutation(60)
    ours = paired_test(first, second, position=position, reach=2)
    theirs = paired_test(second, first, position=position, reach=2)
    assert ours.origins == 59
    assert (ours.statistic, ours.p) == (pytest.approx(-theirs.statistic), pytest.approx(theirs.p))
    assert ours.difference == pytest.approx(np.nanmean(first - second))


def test_paired_test_of_losses_that_nobody_knows_tells_nothing():
    unknown = np.full(30, NAN)
    test = paired_test(unknown, np.ones(30), position=np.arange(30), reach=1)
    assert (test.p, test.origins, test.significant) == (None, 0, False)


def test_paired_test_takes_rounding_for_no_difference():
    losses = np.random.default_rng(4).uniform(1, 2, 50)
    test = paired_test(losses, losses * (1 + 1e-13), position=np.arange(50), reach=1)
    assert (test.p, test.difference) == (1.0, 0.0)


def test_paired_test_counts_windows_within_its_reach_as_overlapping():
    losses = np.random.default_rng(3).normal(1, 0.1, (2, 100))
    found = paired_test(*losses, position=np.arange(100), reach=3)
    assert (found.statistic, found.p) == mean_test(losses[0] - losses[1], overlap=3)
    assert found.statistic != mean_test(losses[0] - losses[1], overlap=1)[0]


def test_paired_test_of_a_method_with_itself():
    losses = np.arange(20.0)
    test = paired_test(losses, losses, position=np.arange(20), reach=1)
    assert (test.p, test.difference, test.significant) == (1.0, 0.0, False)


@pytest.mark.parametrize(
    ("p", "difference", "words", "better"),
    [
        (0.0004, -1.0, "p < 0.001", True),
        (0.0312, -1.0, "p = 0.031", True),
        (0.0312, 1.0, "p = 0.031", False),
        (0.05, -1.0, "p = 0.05", False),
        (None, -1.0, "too few held-out origins to tell: 6; raise test_steps", False),
    ],
)
def test_paired_test_words(p, difference, words, better):
    test = PairedTest(difference, None, p, 6)
    assert (test.words, test.better) == (words, better)
