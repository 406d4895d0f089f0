"""Running means over ragged series: against a plain loop, and the same bits in any company."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines_lib.anomaly.smoothing import centred_mean, lagged, trailing_mean

NAN = float("nan")
LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=4)
VALUES = st.sampled_from([NAN, -1.5, 0.0, 0.1, 2.0, 7.25, 1e6])


def rows_of(lengths):
    return np.concatenate([np.arange(n) for n in lengths]), np.cumsum([0, *lengths])


def average(values):
    known = values[np.isfinite(values)]
    return known.mean() if len(known) else NAN


@st.composite
def ragged(draw):
    lengths = draw(LENGTHS)
    n = sum(lengths)
    return lengths, np.array(draw(st.lists(VALUES, min_size=n, max_size=n)))[:, None]


@settings(max_examples=60, deadline=None)
@given(ragged(), st.integers(1, 9))
def test_trailing_mean_is_that_of_the_rows_up_to_each(made, steps):
    lengths, values = made
    in_series, offsets = rows_of(lengths)
    expected = [
        average(values[max(first, row - steps + 1) : row + 1, 0])
        for first, behind in pairwise(offsets)
        for row in range(first, behind)
    ]
    found = trailing_mean(values, steps, in_series=in_series)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(ragged(), st.integers(1, 9))
def test_centred_mean_is_that_of_the_rows_around_each(made, steps):
    lengths, values = made
    _, offsets = rows_of(lengths)
    expected = [
        average(values[max(first, row - (steps - 1) // 2) : min(behind, row + steps // 2 + 1), 0])
        for first, behind in pairwise(offsets)
        for row in range(first, behind)
    ]
    found = centred_mean(values, steps, offsets=offsets)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_trailing_mean_by_hand():
    values = np.array([[1.0, 10.0], [3.0, NAN], [NAN, NAN], [5.0, 40.0], [8.0, 80.0]])
    found = trailing_mean(values, 2, in_series=np.array([0, 1, 2, 0, 1]))
    np.testing.assert_array_equal(found[:, 0], [1.0, 2.0, 3.0, 5.0, 6.5])
    np.testing.assert_array_equal(found[:, 1], [10.0, 10.0, NAN, 40.0, 60.0])


def test_centred_mean_by_hand():
    values = np.array([[1.0], [3.0], [NAN], [5.0], [9.0]])
    found = centred_mean(values, 3, offsets=np.array([0, 3, 5]))[:, 0]
    np.testing.assert_array_equal(found, [2.0, 2.0, 3.0, 7.0, 7.0])


@pytest.mark.parametrize("steps", [2, 3, 7, 12, 100])
def test_trailing_mean_has_the_same_bits_whatever_stands_elsewhere(steps):
    rng = np.random.default_rng(0)
    ours = rng.normal(size=(80, 2)) * 1e3
    alone = trailing_mean(ours, steps, in_series=np.arange(80))
    others = [rng.normal(size=(n, 2)) * 1e9 for n in (31, 50)]
    among = np.concatenate([others[0], ours, rng.normal(size=(9, 2)), others[1]])
    in_series = np.concatenate([np.arange(31), np.arange(89), np.arange(50)])
    found = trailing_mean(among, steps, in_series=in_series)[31:111]
    np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("steps", [2, 5, 16])
def test_trailing_mean_of_steady_values_is_exactly_their_value(steps):
    # A running total would leave the rounding of the large values before.
    values = np.concatenate([np.full(30, 1e12), np.full(30, 0.1)])[:, None]
    found = trailing_mean(values, steps, in_series=np.arange(60))
    np.testing.assert_allclose(found[29 + steps :, 0], 0.1, rtol=1e-15)


def test_lagged_knows_nothing_before_its_series():
    values = np.arange(5.0)[:, None]
    found = lagged(values, 2, in_series=np.array([0, 1, 2, 0, 1]))[:, 0]
    np.testing.assert_array_equal(found, [NAN, NAN, 0.0, NAN, NAN])
    np.testing.assert_array_equal(lagged(values, 9, in_series=np.arange(5)), np.full((5, 1), NAN))
