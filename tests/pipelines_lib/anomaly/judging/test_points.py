"""Point figures by hand."""

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import judge_points
from pipelines_lib.errors import SeriesError

LABELS = np.array([0, 0, 1, 1, 1, 1, 0, 0, 1, 1], dtype=bool)


def test_judge_points_counts_steps():
    alarms = np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0], dtype=bool)
    got = judge_points(alarms, LABELS)
    assert got.precision == pytest.approx(1 / 3)
    assert got.recall == pytest.approx(1 / 6)
    assert got.f1 == pytest.approx(2 / 9)
    assert got.false_alarms_per_1000 == 200
    # The first range of four steps counts as found: 4 hits of 6 alarms and of 6 labels.
    assert got.inflated_point_adjusted_f1 == pytest.approx(4 / 6)


def test_judge_points_adjusts_ranges_at_both_ends():
    labels = np.array([1, 1, 0, 1, 1], dtype=bool)
    got = judge_points(np.array([0, 1, 0, 0, 1], dtype=bool), labels)
    assert got.f1 == pytest.approx(2 / 3)
    assert got.inflated_point_adjusted_f1 == 1


def test_judge_points_over_nothing_is_zero():
    silent = judge_points(np.zeros(10, bool), LABELS)
    assert (silent.precision, silent.recall, silent.f1) == (0, 0, 0)
    clean = judge_points(np.ones(10, bool), np.zeros(10, bool))
    assert (clean.f1, clean.false_alarms_per_1000) == (0, 1000)


def test_judge_points_refuses_another_length():
    with pytest.raises(SeriesError, match="9 alarms for 10 labels"):
        judge_points(np.zeros(9, bool), LABELS)
