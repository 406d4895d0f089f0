"""Ranges of steps: found, checked, matched."""

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import ranges_of
from pipelines_lib.anomaly.judging.flags import as_ranges, overlapping
from pipelines_lib.errors import SeriesError


def test_ranges_of_gives_runs_with_both_ends_inclusive():
    flags = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1], dtype=bool)
    assert ranges_of(flags).tolist() == [[0, 1], [3, 3], [6, 8]]
    assert ranges_of(np.zeros(4, bool)).shape == (0, 2)
    assert ranges_of(np.ones(4, bool)).tolist() == [[0, 3]]


def test_as_ranges_takes_flags_or_ranges():
    flags = np.array([0, 1, 1, 0, 1])
    ranges = np.array([[1, 2], [4, 4]])
    assert as_ranges(flags, "events", n_steps=5).tolist() == ranges.tolist()
    assert as_ranges(ranges, "events", n_steps=5).tolist() == ranges.tolist()
    assert as_ranges(np.empty((0, 2)), "events", n_steps=5).shape == (0, 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[0, 5]], "beyond"),
        ([[-1, 2]], "beyond"),
        ([[2, 1]], "order"),
        ([[0, 2], [2, 3]], "overlap"),
        ([[3, 4], [0, 1]], "order"),
        ([0, 1, 1], "shape"),
    ],
)
def test_as_ranges_refuses_what_is_no_list_of_ranges(wrong, message):
    with pytest.raises(SeriesError, match=message):
        as_ranges(np.array(wrong), "events", n_steps=5)


def test_overlapping_pairs_ranges_that_share_a_step():
    left = np.array([[0, 3], [5, 5], [8, 20]])
    right = np.array([[3, 4], [6, 8], [10, 10], [20, 30]])
    row, other = overlapping(left, right)
    assert list(zip(row.tolist(), other.tolist(), strict=True)) == [(0, 0), (2, 1), (2, 2), (2, 3)]
