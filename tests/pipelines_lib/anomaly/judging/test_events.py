"""Event figures by hand."""

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import judge_events, pool_events
from pipelines_lib.errors import SeriesError

TRUE = np.array([[100, 119], [300, 309], [500, 500]])
# Right twice in the first range, one just before the second, one far from everything.
PREDICTED = np.array([[90, 104], [110, 111], [296, 298], [700, 750]])


def test_judge_events_needs_a_shared_step():
    got = judge_events(PREDICTED, TRUE, n_steps=1000)
    assert (got.n_predicted, got.n_right, got.n_true, got.n_found) == (4, 2, 3, 1)
    assert got.precision == 0.5
    assert got.recall == pytest.approx(1 / 3)
    assert got.f1 == pytest.approx(0.4)
    assert got.false_alarms_per_1000 == 2
    assert got.delays == (0,)


def test_judge_events_widens_true_ranges_by_the_slack():
    got = judge_events(PREDICTED, TRUE, n_steps=1000, slack=2)
    assert (got.n_right, got.n_found) == (3, 2)
    assert judge_events(PREDICTED, TRUE, n_steps=1000, slack=1).n_right == 2


def test_judge_events_one_event_over_two_ranges_finds_both():
    got = judge_events(np.array([[95, 305]]), TRUE, n_steps=1000)
    assert (got.n_predicted, got.n_right, got.n_found) == (1, 1, 2)
    assert got.precision == 1


def test_judge_events_delay_counts_from_the_start_of_the_range():
    got = judge_events(np.array([[107, 107], [112, 130], [301, 302]]), TRUE, n_steps=1000)
    assert got.delays == (7, 1)
    assert (got.delay_mean, got.delay_median) == (4, 4)


def test_judge_events_takes_flags():
    flags = np.zeros(1000, dtype=bool)
    for start, end in PREDICTED:
        flags[start : end + 1] = True
    assert judge_events(flags, TRUE, n_steps=1000) == judge_events(PREDICTED, TRUE, n_steps=1000)


def test_judge_events_without_events_or_ranges():
    none = np.empty((0, 2))
    silent = judge_events(none, TRUE, n_steps=1000)
    assert (silent.precision, silent.recall, silent.f1) == (0, 0, 0)
    assert np.isnan([silent.delay_mean, silent.delay_median]).all()
    clean = judge_events(PREDICTED, none, n_steps=2000)
    assert (clean.n_right, clean.false_alarms_per_1000) == (0, 2)


def test_pool_events_weighs_every_event_the_same():
    files = [
        judge_events(PREDICTED, TRUE, n_steps=1000),
        judge_events(np.array([[5, 9], [40, 41]]), np.array([[7, 7]]), n_steps=4000),
    ]
    got = pool_events(files)
    assert (got.precision, got.recall) == (3 / 6, 2 / 4)
    assert got.false_alarms_per_1000 == 3 / 5
    assert got.delays == (0, 0)


def test_judge_events_refuses_a_negative_slack():
    with pytest.raises(SeriesError, match="slack -1"):
        judge_events(PREDICTED, TRUE, n_steps=1000, slack=-1)
