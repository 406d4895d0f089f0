import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines_lib.config import SplitConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.series.splits import Fold, Span, Split, make_split, walk_forward_folds

TEN = SplitConfig(validation_steps=10, calibration_steps=20, test_steps=30)


def test_span_holds_both_of_its_ends():
    held = Span(3, 5).holds(np.array([3, 2, 4, 5]), np.array([5, 4, 6, 5]))
    assert held.tolist() == [True, False, False, True]


def test_make_split_counts_back_from_the_newest_with_the_horizon_as_gap():
    split = make_split(first=0, last=99, config=TEN, lookback=5, horizon=2)
    assert split == Split(
        train=Span(0, 33), validation=Span(36, 45), calibration=Span(48, 67), test=Span(70, 99)
    )


def test_make_split_takes_the_longer_of_gap_and_horizon():
    config = TEN.model_copy(update={"gap_steps": 4})
    split = make_split(first=0, last=99, config=config, lookback=5, horizon=2)
    assert split == Split(
        train=Span(0, 27), validation=Span(32, 41), calibration=Span(46, 65), test=Span(70, 99)
    )


def test_make_split_without_horizon_has_no_gap():
    split = make_split(first=10, last=109, config=TEN, lookback=5, horizon=0)
    assert split == Split(
        train=Span(10, 49), validation=Span(50, 59), calibration=Span(60, 79), test=Span(80, 109)
    )


def test_make_split_leaves_just_enough_to_train():
    split = make_split(first=0, last=72, config=TEN, lookback=5, horizon=2)
    assert split.train == Span(0, 6)
    with pytest.raises(SeriesError, match=r"72 steps leave 6 for training.*need 7; ingest more"):
        make_split(first=0, last=71, config=TEN, lookback=5, horizon=2)


def test_make_split_of_hardly_any_history_leaves_nothing():
    with pytest.raises(SeriesError, match="3 steps leave 0 for training"):
        make_split(first=0, last=2, config=TEN, lookback=5, horizon=2)


def test_make_split_refuses_a_part_shorter_than_the_horizon():
    with pytest.raises(SeriesError, match="a part of 10 steps cannot hold a horizon of 11"):
        make_split(first=0, last=999, config=TEN, lookback=5, horizon=11)


@given(
    steps=st.tuples(*[st.integers(1, 20)] * 3),
    gap=st.integers(0, 10),
    horizon=st.integers(0, 10),
    lookback=st.integers(1, 10),
    first=st.integers(0, 1000),
    length=st.integers(1, 200),
)
def test_make_split_keeps_parts_in_order_and_a_horizon_apart(
    steps, gap, horizon, lookback, first, length
):
    validation, calibration, test = steps
    config = SplitConfig(
        validation_steps=validation, calibration_steps=calibration, test_steps=test, gap_steps=gap
    )
    last = first + length - 1
    try:
        split = make_split(
            first=first, last=last, config=config, lookback=lookback, horizon=horizon
        )
    except SeriesError:
        short = length < sum(steps) + 3 * max(gap, horizon) + lookback + horizon
        assert short or min(steps) < horizon
        return
    spans = list(vars(split).values())
    assert (spans[0].first, spans[-1].last) == (first, last)
    assert [s.last - s.first + 1 for s in spans[1:]] == [validation, calibration, test]
    for older, newer in itertools.pairwise(spans):
        assert newer.first - older.last - 1 == max(gap, horizon)


def test_walk_forward_folds_expand_from_the_first():
    folds = walk_forward_folds(first=0, last=19, n_folds=3, test_steps=4, gap=2)
    assert folds == [
        Fold(Span(0, 5), Span(8, 11)),
        Fold(Span(0, 9), Span(12, 15)),
        Fold(Span(0, 13), Span(16, 19)),
    ]


def test_walk_forward_folds_slide_with_a_length_to_train():
    folds = walk_forward_folds(first=0, last=19, n_folds=3, test_steps=4, gap=2, train_steps=5)
    assert folds == [
        Fold(Span(1, 5), Span(8, 11)),
        Fold(Span(5, 9), Span(12, 15)),
        Fold(Span(9, 13), Span(16, 19)),
    ]


def test_walk_forward_folds_need_history_for_the_oldest():
    assert walk_forward_folds(first=0, last=14, n_folds=3, test_steps=4, gap=2)[0].train == Span(
        0, 0
    )
    with pytest.raises(SeriesError, match="14 steps do not hold 3 folds of 4 with a gap of 2"):
        walk_forward_folds(first=0, last=13, n_folds=3, test_steps=4, gap=2)
    with pytest.raises(SeriesError, match="lower n_folds"):
        walk_forward_folds(first=2, last=19, n_folds=3, test_steps=4, gap=2, train_steps=5)
