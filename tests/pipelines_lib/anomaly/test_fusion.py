"""How far an error stands out, and one score of many parts: by hand and against a plain loop."""

import numpy as np
import pytest

from pipelines_lib.anomaly.fusion import Past, fuse, stand_out, stand_out_of_all

NAN = float("nan")


@pytest.fixture
def errors():
    """Return errors of three series of different lengths, some unknown, and their numbers."""
    rng = np.random.default_rng(0)
    values = rng.exponential(size=215)
    values[rng.random(215) < 0.1] = NAN
    return values, np.repeat([0, 1, 2], [100, 35, 80])


def by_loop(values, series):
    found = np.full(len(values), NAN)
    for row in range(len(values)):
        before = values[:row][series[:row] == series[row]]
        before = before[np.isfinite(before)]
        if len(before) >= 30:
            found[row] = (values[row] - before.mean()) / before.std()
    return found


def test_stand_out_holds_an_error_against_all_before_it(errors):
    values, series = errors
    found, past = stand_out(values, series=series, past=Past.nothing(3))
    expected = by_loop(values, series)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.isfinite(expected[:100]).sum() > 50
    known = np.where(np.isfinite(values), values, 0)
    assert past.n.tolist() == [np.isfinite(values[series == s]).sum() for s in range(3)]
    np.testing.assert_allclose(past.total, np.bincount(series, known))
    np.testing.assert_allclose(past.squares, np.bincount(series, known**2))


@pytest.mark.parametrize("cut", [1, 30, 31, 60])
def test_stand_out_going_on_from_a_past_has_the_bits_of_one_pass(errors, cut):
    values, series = errors
    whole, end = stand_out(values, series=series, past=Past.nothing(3))
    early = np.concatenate([np.arange(n) < cut for n in (100, 35, 80)])
    first, past = stand_out(values[early], series=series[early], past=Past.nothing(3))
    then, after = stand_out(values[~early], series=series[~early], past=past)
    np.testing.assert_array_equal(first, whole[early])
    np.testing.assert_array_equal(then, whole[~early])
    for name, total in vars(end).items():
        np.testing.assert_array_equal(getattr(after, name), total)


@pytest.mark.parametrize("steady", [0.0, 0.1, 1e-9, 12345.678])
def test_stand_out_of_steady_errors_is_nothing(steady):
    found, _ = stand_out(np.full(60, steady), series=np.zeros(60, int), past=Past.nothing(1))
    assert np.isnan(found[:30]).all()
    assert np.abs(found[30:]).max() < 1e-4


def test_stand_out_knows_nothing_of_a_series_with_fewer_than_30_errors():
    values = np.r_[np.tile([1.0, 3.0], 15), NAN, 4.0]
    found, _ = stand_out(values, series=np.zeros(32, int), past=Past.nothing(1))
    assert np.isnan(found[:31]).all()
    assert found[31] == pytest.approx((4 - 2) / 1)


def test_stand_out_of_no_rows_leaves_the_past():
    past = Past(np.array([3.0]), np.array([6.0]), np.array([14.0]))
    found, after = stand_out(np.empty(0), series=np.empty(0, int), past=past)
    assert (len(found), after.n, after.total, after.squares) == (0, 3, 6, 14)


def test_past_take_gives_nothing_to_a_new_series():
    taken = Past(np.array([3.0, 4.0]), np.ones(2), np.ones(2)).take(np.array([1, -1, 0]))
    assert taken.n.tolist() == [4.0, 0.0, 3.0]


def test_stand_out_of_all_by_hand():
    # Median 2, median distance 1 -> deviation 1.4826; the other series is steady but for one.
    values = np.array([1.0, 2.0, 3.0, 2.0, 12.0, 5.0, 5.0, 5.0, 9.0])
    series = np.array([0] * 5 + [1] * 4)
    found = stand_out_of_all(values, series=series)
    assert found[:5] == pytest.approx(np.array([-1, 0, 1, 0, 10]) / 1.4826)
    assert found[5:] == pytest.approx(np.array([0, 0, 0, 4]) / np.std([5, 5, 5, 9]))


def test_stand_out_of_all_takes_no_rounding_for_a_spread():
    values = np.full(41, 0.1) + 1e-17 * np.arange(41)
    values[::2] = np.nextafter(0.1, 1)
    values[7] = 0.2
    found = stand_out_of_all(values, series=np.zeros(41, int))
    assert found[7] == pytest.approx(0.1 / np.std(values))


def test_fuse_by_hand():
    deviations = np.array([[np.e - 1, np.e**2 - 1], [-5.0, np.e - 1], [NAN, np.e - 1], [NAN, NAN]])
    score, terms = fuse(deviations, np.array([3.0, 1.0]))
    np.testing.assert_allclose(score, [(3 * 1 + 1 * 2) / 4, 1 / 4, 1.0, NAN])
    np.testing.assert_allclose(terms, [[0.75, 0.5], [0, 0.25], [0, 1], [0, 0]])


def test_fuse_leaves_out_a_part_of_no_weight():
    deviations = np.array([[np.e - 1, 100.0], [NAN, 100.0]])
    score, terms = fuse(deviations, np.array([1.0, 0.0]))
    np.testing.assert_allclose(score, [1.0, NAN])
    assert terms.tolist() == [[1.0, 0.0], [0.0, 0.0]]
