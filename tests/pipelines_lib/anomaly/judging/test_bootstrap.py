"""The paired bootstrap over files."""

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import paired_bootstrap
from pipelines_lib.errors import SeriesError


def test_paired_bootstrap_of_a_constant_lead_is_certain():
    theirs = np.array([0.1, 0.5, 0.9, 0.3])
    got = paired_bootstrap(theirs + 0.25, theirs, seed=0, n=999)
    assert (got.mean, got.low, got.high) == pytest.approx((0.25, 0.25, 0.25))
    assert got.p == pytest.approx(2 / 1000)


def test_paired_bootstrap_of_the_same_figures_finds_nothing():
    same = np.linspace(0, 1, 20)
    got = paired_bootstrap(same, same, seed=0, n=999)
    assert (got.mean, got.low, got.high, got.p) == (0, 0, 0, 1)


def test_paired_bootstrap_interval_is_that_of_a_mean():
    difference = np.random.default_rng(3).normal(0.1, 1, size=400)
    got = paired_bootstrap(difference, np.zeros(400), seed=1)
    error = 1.96 * difference.std() / 20
    assert got.high - got.mean == pytest.approx(error, rel=0.05)
    assert got.mean - got.low == pytest.approx(error, rel=0.05)


def test_paired_bootstrap_repeats_with_its_seed():
    ours, theirs = np.random.default_rng(0).random((2, 30))
    assert paired_bootstrap(ours, theirs, seed=5) == paired_bootstrap(ours, theirs, seed=5)
    swapped = paired_bootstrap(theirs, ours, seed=5)
    assert swapped.mean == pytest.approx(-paired_bootstrap(ours, theirs, seed=5).mean)


def test_paired_bootstrap_leaves_out_files_without_a_figure():
    ours = np.array([0.5, np.nan, 0.6, 0.7])
    theirs = np.array([0.4, 0.1, np.nan, 0.6])
    assert paired_bootstrap(ours, theirs, seed=0).mean == pytest.approx(0.1)


def test_paired_bootstrap_refuses_too_few_files():
    with pytest.raises(SeriesError, match="1 files"):
        paired_bootstrap(np.array([0.1, np.nan]), np.zeros(2), seed=0)
    with pytest.raises(SeriesError, match="one of each"):
        paired_bootstrap(np.zeros(3), np.zeros(2), seed=0)
