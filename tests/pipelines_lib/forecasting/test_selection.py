"""Trials compete on rows that all of them can be judged on, and that end before the test."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines_lib.config import SplitConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.forecasting.metrics import MODEL
from pipelines_lib.forecasting.selection import cut_panel, judge_trial
from tests.pipelines_lib.forecasting.searching import (
    BASE,
    CPU,
    DATASET,
    STEPS,
    make_sines,
    search_config,
    select,
)

# Parts of 20 steps and gaps of the horizon, 3: test 280-299, calibration 257-276, validation
# 234-253. The selection ends with that, and is divided in the same way: its test is 234-253.
LAST = 253


def judge(selection, **fields):
    config = BASE.model_copy(update=fields)
    return judge_trial(config, selection, dataset=DATASET, device=CPU)


@pytest.fixture(scope="module")
def panel():
    return make_sines()


@pytest.fixture(scope="module")
def selection(panel):
    return select(search_config(), panel)


def test_make_selection_ends_before_calibration_and_test(selection, panel):
    first = panel.position.min()
    assert selection.panel.last_position - first == LAST
    assert selection.split.test.last - first == LAST
    assert selection.split.test.first - first == LAST - 19
    assert selection.until == "2024-01-11T13:00:00.000000"
    steps = np.unique(selection.panel.row_in_series[selection.origins])
    assert (steps.min(), steps.max()) == (LAST - 20, LAST - 3)
    assert len(selection.origins) == 2 * 18


def test_make_selection_and_a_trial_know_nothing_later(selection, panel):
    later = panel.row_in_series > LAST
    changed = select(
        search_config(),
        replace(panel, values=np.where(later[:, None], 99 - 2 * panel.values, panel.values)),
    )
    np.testing.assert_array_equal(changed.panel.values, selection.panel.values)
    assert judge(changed)[1] == judge(selection)[1]


def test_judge_trial_of_any_lookback_judges_the_same_rows(panel):
    # Rows of A from step 230 on have a gap in the window of a lookback of 30, not in one of 6.
    values = panel.values.copy()
    values[225:227] = np.nan
    selection = select(search_config(space=["lookback=6..30"]), replace(panel, values=values))
    series = selection.panel.row_series[selection.origins]
    assert np.bincount(series, minlength=2).tolist() == [0, 18]
    short, mase = judge(selection, lookback=6)
    assert len(short.test_origins) > 18
    b_only = np.isin(short.test_origins, selection.origins)
    assert mase == pytest.approx(short.evaluation.losses[MODEL][b_only].mean())
    assert mase != pytest.approx(short.evaluation.metrics["mase"])
    assert np.isfinite(judge(selection, lookback=30)[1])


def test_judge_trial_refuses_one_that_cannot_be_judged_on_all_rows(selection, panel):
    values = selection.panel.values.copy()
    values[240] = np.nan
    holed = replace(selection, panel=replace(selection.panel, values=values))
    with pytest.raises(SeriesError, match=r"from \d+ of the 36 rows"):
        judge(holed)


def test_make_selection_of_both_targets_takes_the_rows_that_both_can_forecast_from(panel):
    values = panel.values.copy()
    values[245] = np.nan  # no return is known at the step after it either
    holed = replace(panel, values=values)
    both = select(search_config(space=["target_kind=level|log_return"]), holed)
    level = select(search_config(), holed, BASE.model_copy(update={"target_kind": "level"}))
    assert 0 < len(both.origins) <= len(level.origins)
    for kind in ("level", "log_return"):
        assert np.isfinite(judge(both, target_kind=kind)[1])


def test_make_selection_goes_on_with_the_history_that_it_began_with(selection, panel):
    before = select(search_config(), make_sines(STEPS - 10))
    assert before.until != selection.until
    again = select(search_config(), panel, until=before.until)
    assert again.until == before.until
    np.testing.assert_array_equal(again.panel.values, before.panel.values)
    np.testing.assert_array_equal(again.origins, before.origins)


def test_make_selection_refuses_to_go_on_where_the_test_part_was_seen(selection):
    with pytest.raises(SeriesError, match="the search began on a history until 2024-01-11"):
        select(search_config(), make_sines(STEPS - 10), until=selection.until)


def test_make_selection_of_a_short_history_says_that_it_is_divided_twice():
    long = BASE.model_copy(
        update={"split": SplitConfig(validation_steps=60, calibration_steps=60, test_steps=60)}
    )
    with pytest.raises(SeriesError, match=r"divides the history twice.*too little history"):
        select(search_config(), base=long)


def test_cut_panel_drops_later_rows_and_series_that_begin_later(panel):
    first = int(panel.position.min())
    late = replace(panel, position=panel.position + np.where(panel.row_series == 1, 100, 0))
    cut = cut_panel(late, first + 99)
    assert cut.series_ids == ["A"]
    assert cut.offsets.tolist() == [0, 100]
    cut = cut_panel(late, first + 109)
    assert cut.offsets.tolist() == [0, 110, 120]
    np.testing.assert_array_equal(cut.values[110:], panel.values[STEPS : STEPS + 10])
