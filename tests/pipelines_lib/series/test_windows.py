import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines_lib.series.windows import count_known, horizon_rows, lookback_rows, make_origins


def flags(text: str) -> np.ndarray:
    """Return known rows from text: `o` known, `.` unknown."""
    return np.array([letter == "o" for letter in text])


def origins(text: str, *, targets: str | None = None, offsets=None, **options) -> list[int]:
    bounds = np.array(offsets or [0, len(text)])
    rate = options.get("sampling_rate", 1)
    return make_origins(
        count_known(flags(text), offsets=bounds, sampling_rate=rate),
        offsets=bounds,
        targets_known=None if targets is None else flags(targets),
        **options,
    ).tolist()


def test_lookback_rows_end_at_the_origin():
    assert lookback_rows(3).tolist() == [-2, -1, 0]
    assert lookback_rows(3, 2).tolist() == [-4, -2, 0]


def test_horizon_rows_begin_after_the_origin():
    assert horizon_rows(3).tolist() == [1, 2, 3]
    assert horizon_rows(2, 3).tolist() == [3, 6]
    assert horizon_rows(0).tolist() == []


def test_make_origins_of_a_whole_series():
    assert origins("oooooo", lookback=3) == [2, 3, 4, 5]
    assert origins("oooooo", targets="oooooo", lookback=3, horizon=2) == [2, 3]


def test_make_origins_needs_lookback_plus_horizon_rows():
    assert origins("ooooo", targets="ooooo", lookback=3, horizon=2) == [2]
    assert origins("oooo", targets="oooo", lookback=3, horizon=2) == []


def test_make_origins_leaves_out_windows_with_a_gap_in_the_lookback():
    assert origins("ooo.oooo", lookback=3) == [2, 6, 7]


def test_make_origins_leaves_out_windows_with_a_gap_in_the_horizon():
    # Origin 1 wants targets 2, 3; 2 wants 3, 4; 3 wants 4, 5; 4 wants 5, 6.
    found = origins("ooooooo", targets="ooo.ooo", lookback=2, horizon=2)
    assert found == [3, 4]


def test_make_origins_does_not_need_targets_in_the_lookback_nor_inputs_in_the_horizon():
    assert origins("ooo..", targets="...oo", lookback=3, horizon=2) == [2]


def test_make_origins_keeps_every_stride_th_from_the_first_possible():
    assert origins("ooooooooo", lookback=3, stride=3) == [2, 5, 8]
    # The stride counts rows, not windows: a gap does not shift it.
    assert origins("o.ooooooo", lookback=3, stride=3) == [5, 8]


def test_make_origins_keeps_windows_within_their_series():
    # Rows 0-3 and 4-8.
    found = origins("ooooooooo", targets="ooooooooo", offsets=[0, 4, 9], lookback=2, horizon=1)
    assert found == [1, 2, 5, 6, 7]


def test_make_origins_strides_in_every_series_anew():
    assert origins("ooooooooo", offsets=[0, 4, 9], lookback=2, stride=2) == [1, 3, 5, 7]


def test_make_origins_takes_every_nth_row_at_a_sampling_rate():
    # Lookback 3 at rate 2 reaches 4 rows back, horizon 2 reaches 4 rows ahead.
    whole = "o" * 10
    found = origins(whole, targets=whole, lookback=3, horizon=2, sampling_rate=2)
    assert found == [4, 5]


def test_make_origins_at_a_sampling_rate_does_not_mind_a_gap_between_its_rows():
    # Origin 4 sees rows 0 2 4; origin 5 rows 1 3 5.
    assert origins("ooo.oo", lookback=3, sampling_rate=2) == [4]
    assert origins("oooo.o", lookback=3, sampling_rate=2) == [5]


def test_make_origins_of_a_series_shorter_than_the_window_is_empty():
    assert origins("oo", offsets=[0, 1, 2], lookback=2) == []


def test_make_origins_of_one_step_at_a_sampling_rate_longer_than_the_series():
    assert origins("o.o", lookback=1, sampling_rate=5) == [0, 2]


def test_count_known_counts_the_steps_that_end_at_a_row():
    offsets = np.array([0, 5, 8])
    assert count_known(flags("oo.ooooo"), offsets=offsets).tolist() == [1, 2, 0, 1, 2, 1, 2, 3]


def test_count_known_at_a_sampling_rate_counts_every_nth_row():
    offsets = np.array([0, 7])
    counted = count_known(flags("ooo.ooo"), offsets=offsets, sampling_rate=2)
    assert counted.tolist() == [1, 1, 2, 0, 3, 1, 4]


def brute_force(inputs, targets, offsets, lookback, horizon, stride, rate) -> list[int]:
    found = []
    for begin, end in itertools.pairwise(offsets):
        first = begin + (lookback - 1) * rate
        for origin in range(first, end, stride):
            back = [origin - step * rate for step in range(lookback)]
            ahead = [origin + step * rate for step in range(1, horizon + 1)]
            inside = all(row < end for row in ahead)
            if inside and all(inputs[r] for r in back) and all(targets[r] for r in ahead):
                found.append(origin)
    return found


@settings(max_examples=300, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    lookback=st.integers(1, 4),
    horizon=st.integers(0, 3),
    stride=st.integers(1, 3),
    rate=st.integers(1, 4),
    data=st.data(),
)
def test_make_origins_agrees_with_looking_at_every_row(
    lengths, lookback, horizon, stride, rate, data
):
    n = sum(lengths)
    known = st.lists(st.booleans() | st.just(True), min_size=n, max_size=n)
    inputs, targets = data.draw(known), data.draw(known)
    offsets = [0, *np.cumsum(lengths).tolist()]
    found = make_origins(
        count_known(np.array(inputs), offsets=np.array(offsets), sampling_rate=rate),
        offsets=np.array(offsets),
        lookback=lookback,
        sampling_rate=rate,
        targets_known=np.array(targets),
        horizon=horizon,
        stride=stride,
    )
    expected = brute_force(inputs, targets, offsets, lookback, horizon, stride, rate)
    assert found.tolist() == expected


def test_make_origins_needs_targets_for_a_horizon():
    with pytest.raises(AssertionError):
        origins("oooo", lookback=2, horizon=1)
