import numpy as np
import pytest

from pipelines_lib.errors import SeriesError
from pipelines_lib.series.parts import (
    explain_unready,
    find_usable_series,
    make_part_origins,
    refuse_unknown_series,
)
from pipelines_lib.series.splits import Span, Split
from pipelines_lib.series.windows import count_known

NAN = np.nan


def find(panel, *, rows=None, need=3):
    rows = np.ones(len(panel.position), dtype=bool) if rows is None else np.array(rows)
    return find_usable_series(panel, panel.values, rows=rows, need=need)


def test_find_usable_series_leaves_out_short_and_constant_with_the_reason(make_day_panel):
    panel = make_day_panel(
        {
            "GOOD": {"value": [1, 2, 3, 4]},
            "SHORT": {"value": [1, 2, NAN, NAN]},
            "FLAT": {"value": [5, 5, 5, 5]},
        }
    )
    usable, left_out = find(panel)
    assert usable.tolist() == [True, False, False]
    assert left_out == {
        "SHORT": "2 complete steps before the split, 3 are needed",
        "FLAT": "constant over its 4 training steps: nothing to learn",
    }


def test_find_usable_series_looks_at_training_rows_only(make_day_panel):
    panel = make_day_panel({"A": {"value": [5, 5, 5, 9]}, "B": {"value": [1, 2, 3, 3]}})
    usable, left_out = find(panel, rows=[True, True, True, False] * 2)
    assert usable.tolist() == [False, True]
    assert left_out == {"A": "constant over its 3 training steps: nothing to learn"}


def test_find_usable_series_with_one_moving_feature_is_not_constant(make_day_panel):
    panel = make_day_panel({"A": {"x": [1, 1, 1], "y": [1, 2, 1]}})
    assert find(panel)[1] == {}


def test_find_usable_series_counts_steps_with_every_feature_known(make_day_panel):
    panel = make_day_panel(
        {"A": {"x": [1, 2, NAN, 4], "y": [1, NAN, 3, 4]}, "B": {"x": [1, 2, 3, 4], "y": [0] * 4}}
    )
    assert find(panel)[1] == {"A": "2 complete steps before the split, 3 are needed"}


def test_find_usable_series_of_none_usable_is_an_error(make_day_panel):
    panel = make_day_panel({"A": {"value": [1, 2]}, "B": {"value": [1, 2]}})
    with pytest.raises(SeriesError, match=r"none of 2 series .*series A: 2 complete steps"):
        find(panel)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_find_usable_series_refuses_an_infinite_value(make_day_panel, value):
    panel = make_day_panel({"A": {"value": [1, 2, 3]}, "B": {"value": [1, value, 3]}})
    with pytest.raises(SeriesError, match="series B has infinite values"):
        find(panel)


def test_refuse_unknown_series_names_the_unknown_and_the_known(make_day_panel):
    panel = make_day_panel({"A": {"value": [1]}, "B": {"value": [1]}})
    refuse_unknown_series([], panel, "train_series")
    refuse_unknown_series(["B", "A"], panel, "train_series")
    with pytest.raises(SeriesError, match="train_series names C, D, the dataset has A, B"):
        refuse_unknown_series(["D", "A", "C"], panel, "train_series")


SPLIT = Split(train=Span(0, 5), validation=Span(8, 9), calibration=Span(12, 13), test=Span(16, 19))


def part_origins(panel, **options):
    known = np.ones(len(panel.position), dtype=bool)
    rate = options.get("sampling_rate", 1)
    defaults = {
        "run": count_known(known, offsets=panel.offsets, sampling_rate=rate),
        "targets_known": known,
        "lookback": 2,
        "sampling_rate": 1,
        "horizon": 2,
        "train_series": [],
    }
    made = make_part_origins(panel, SPLIT, **{**defaults, **options})
    return {name: origins.tolist() for name, origins in made.items()}


@pytest.fixture
def panel(make_day_panel):
    return make_day_panel({"A": {"value": list(range(20))}})


def test_make_part_origins_puts_a_window_where_all_its_targets_lie(panel):
    # Targets of origin o are o + 1 and o + 2; a lookback may reach into the part before.
    assert part_origins(panel) == {
        "train": [1, 2, 3],
        "validation": [7],
        "calibration": [11],
        "test": [15, 16, 17],
    }


def test_make_part_origins_without_horizon_goes_by_the_origin(panel):
    assert part_origins(panel, horizon=0, targets_known=None) == {
        "train": [1, 2, 3, 4, 5],
        "validation": [8, 9],
        "calibration": [12, 13],
        "test": [16, 17, 18, 19],
    }


def test_make_part_origins_counts_the_horizon_in_sampled_steps(panel):
    # At rate 2 the targets of origin o are o + 2 and o + 4.
    assert part_origins(panel, sampling_rate=2) == {
        "train": [],
        "validation": [],
        "calibration": [],
        "test": [14, 15],
    }


def test_make_part_origins_strides_in_training_only(panel):
    made = part_origins(panel, stride=2)
    assert made["train"] == [1, 3]
    assert made["test"] == [15, 16, 17]


def test_make_part_origins_learns_from_the_wanted_series_only(make_day_panel):
    panel = make_day_panel({"A": {"value": list(range(20))}, "B": {"value": list(range(20))}})
    made = part_origins(panel, train_series=["B"])
    assert made["train"] == [21, 22, 23]
    assert made["test"] == [15, 16, 17, 35, 36, 37]


def test_explain_unready_counts_the_newest_complete_steps(make_day_panel):
    panel = make_day_panel({"A": {"value": [1, 2, 3]}, "B": {"value": [1, 2, 3, 4]}})
    known = np.array([True, True, False, True, False, True, True])
    run = count_known(known, offsets=panel.offsets)
    reasons = explain_unready(panel, run, np.array([0, 1]), 5)
    assert list(reasons) == ["A", "B"]
    assert "newest 0 steps" in reasons["A"]
    assert "newest 2 steps" in reasons["B"]
    assert reasons["B"].endswith("a window needs 5")


def test_explain_unready_of_a_whole_but_short_series(make_day_panel):
    panel = make_day_panel({"A": {"value": [1, 2, 3]}})
    reasons = explain_unready(panel, np.array([1, 2, 3]), np.array([0]), 5)
    assert "newest 3 steps" in reasons["A"]
