"""Affiliation figures: by hand, and as TSB_AD 1.5 gives them."""

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import judge_affiliation

MANY = np.array([[0, 9], [100, 130], [140, 140], [290, 299]])
SCATTERED = np.array([[5, 5], [60, 75], [111, 112], [128, 138], [200, 201], [299, 299]])


def test_judge_affiliation_of_one_step_beside_the_range():
    # J = [4, 6) in E = [0, 10); predicted is [6, 7): on average d = 1/2, |J| + 2 d = 3 of 10.
    # Back from J the mean distance is 1, so that 2 d = 2 of 10 steps are as near.
    got = judge_affiliation(np.array([[6, 6]]), np.array([[4, 5]]), n_steps=10)
    assert got.precision == pytest.approx(0.7)
    assert got.recall == pytest.approx(0.8)
    assert got.f1 == pytest.approx(2 * 0.7 * 0.8 / 1.5)


def test_judge_affiliation_of_the_truth_is_one():
    got = judge_affiliation(MANY, MANY, n_steps=300)
    assert (got.precision, got.recall, got.f1) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(
    ("predicted", "precision", "recall"),
    [
        (SCATTERED, 0.761655563905404, 0.9274729426227025),
        (np.array([[50, 280]]), 0.37681375221422864, 0.7165882194728348),
        (np.array([[20, 20]]), 0.6272727272727273, 0.1590909090909091),
        (np.array([[95, 99], [135, 135]]), 0.7151873941276115, 0.41211743638549386),
    ],
    ids=["scattered", "over many zones", "far in one zone", "on a border of zones"],
)
def test_judge_affiliation_agrees_with_the_reference(predicted, precision, recall):
    got = judge_affiliation(predicted, MANY, n_steps=300)
    assert got.precision == pytest.approx(precision, abs=1e-9)
    assert got.recall == pytest.approx(recall, abs=1e-9)


def test_judge_affiliation_falls_with_the_distance():
    true = np.array([[100, 109]])
    near, far = (judge_affiliation(np.array([[s, s]]), true, n_steps=200) for s in (115, 150))
    assert near.precision > far.precision
    assert near.recall > far.recall


def test_judge_affiliation_over_nothing():
    none = np.empty((0, 2))
    silent = judge_affiliation(none, MANY, n_steps=300)
    assert np.isnan(silent.precision)
    assert (silent.recall, silent.f1) == (0, 0)
    clean = judge_affiliation(SCATTERED, none, n_steps=300)
    assert np.isnan([clean.precision, clean.recall, clean.f1]).all()
