"""How rows are judged: in order, losing nothing, beside neighbours and releases."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines_lib.config import DatasetConfig
from pipelines_lib.series.quality import check_rows
from pipelines_lib.series.rules import RULES
from tests.judging import BARS, DAYS, GOOD, VALUES, bars, check, flat, prices, values


def test_check_rows_passes_good_bars_untouched(make_bars, krx_calendar):
    frame = make_bars(["B", "A"], 40)
    checked = check_rows(
        frame.sample(frac=1, random_state=0), dataset=DatasetConfig(name="d"), calendar=krx_calendar
    )
    columns = ["series_id", "time", "open", "high", "low", "close", "volume"]
    pd.testing.assert_frame_equal(
        checked.good[columns], frame.sort_values(["series_id", "time"])[columns]
    )
    assert checked.good["repair"].isna().all()
    assert set(checked.counts) == {"out_of_order"}  # a warning, no more
    assert list(checked.quarantined) == ["series_id", "time", "rule", "reason", "row"]
    assert len(checked.quarantined) == 0


def test_check_rows_of_nothing_is_empty():
    checked = check(bars())
    assert len(checked.good) == len(checked.quarantined) == 0
    assert checked.counts == {}
    assert "repair" in checked.good


def test_check_rows_judges_a_row_by_the_first_rule_it_breaks():
    checked = check(
        bars(
            ("soon", np.nan, 0, 0, 0, 0),  # unreadable, not finite
            ("2024-01-02T01:00", np.nan, 0, 0, 0, 0),  # off the calendar, not finite
            ("2024-01-03", np.nan, 0, 0, 0, 0),  # stands again, not finite
            ("2024-01-03", *GOOD),
            ("2024-01-04", np.nan, -1, 5, 0, 0),  # not finite, not positive
            ("2024-01-05", -1, 1, 5, 3, 0),  # not positive, out of order
            ("2024-01-06", 100, 100, 900, 900, 1),  # out of order, a jump
        )
    )
    assert checked.counts == {
        "time_unreadable": 1,
        "off_calendar": 1,
        "duplicate": 1,
        "not_finite": 1,
        "not_positive": 1,
        "price_order": 1,
    }
    assert prices(checked) == [list(GOOD)]


def test_check_rows_quarantines_a_repaired_row_that_jumps_as_it_came():
    checked = check(bars(flat("2024-01-02", 100), ("2024-01-03", 0, 0, 0, 900, 0)))
    assert checked.counts == {"halted": 1, "price_limit": 1}
    assert json.loads(checked.quarantined["row"][0]) == {
        "time": "2024-01-03T00:00:00.000000Z",
        "open": 0,
        "high": 0,
        "low": 0,
        "close": 900,
        "volume": 0,
    }


@pytest.mark.parametrize(("value", "told"), [(np.nan, None), (np.inf, "inf"), (-np.inf, "-inf")])
def test_check_rows_quarantines_what_is_not_finite_as_it_came(value, told):
    checked = check(values(("A", "2024-01-02", value)), VALUES)
    assert checked.counts == {"not_finite": 1}
    assert json.loads(checked.quarantined["row"][0]) == {
        "time": "2024-01-02T00:00:00.000000Z",
        "value": told,
    }


def test_check_rows_quarantines_a_repeated_bad_row_once():
    checked = check(values(("A", "soon", 1.0), ("A", "soon", 1.0)), VALUES)
    assert checked.counts == {"time_unreadable": 2}
    assert len(checked.quarantined) == 1


def test_check_rows_leaves_its_input_as_it_was():
    frame = bars(("2024-01-02", 0, 0, 0, 105, 0), ("2024-01-02", *GOOD), ("soon", *GOOD))
    before = frame.copy(deep=True)
    check(frame)
    pd.testing.assert_frame_equal(frame, before)


NUMBER = st.sampled_from([0.0, 1.0, 90.0, 100.0, 100.5, 110.0, -1.0, np.nan, np.inf])
TIME = st.sampled_from(["soon", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-03T07:00"])
BAR = st.tuples(TIME, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)


@settings(max_examples=60, deadline=None)
@given(first=st.lists(BAR, max_size=8), second=st.lists(BAR, max_size=8))
def test_check_rows_loses_nothing(first, second):
    frame = pd.concat([bars(*first, series_id="A"), bars(*second, series_id="B")])
    checked = check(frame)

    holding = {rule.name for rule in RULES if rule.action == "quarantine"}
    refused = {name: n for name, n in checked.counts.items() if name in holding}
    assert len(frame) == len(checked.good) + sum(refused.values())
    assert set(checked.quarantined["rule"]) == set(refused)
    stored = checked.quarantined["rule"].value_counts().to_dict()
    assert all(stored[name] <= n for name, n in refused.items())  # the same row is kept once
    assert not checked.quarantined.duplicated(["series_id", "rule", "row"]).any()
    mended = checked.good["repair"].value_counts().to_dict()
    # A row can be mended and then be refused all the same, never the other way round.
    assert all(mended[name] <= checked.counts[name] for name in mended)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(BAR, max_size=10))
def test_check_rows_makes_rows_that_every_rule_passes(rows):
    good = check(bars(*rows)).good
    assert not good.duplicated(["series_id", "time"]).any()
    assert good["time"].is_monotonic_increasing
    assert np.isfinite(good[["open", "high", "low", "close", "volume"]].to_numpy()).all()
    again = check(good)
    warnings = {rule.name for rule in RULES if rule.action == "warn"}
    broken = set(again.counts) - warnings
    assert broken <= {"price_limit"}  # a refused jump leaves its neighbours to compare
    if not broken:
        pd.testing.assert_frame_equal(
            again.good.drop(columns="repair"), good.drop(columns="repair")
        )


def test_check_rows_compares_the_first_row_with_the_stored_one_before():
    stored = bars(flat("2024-01-01", 40), flat("2024-01-02", 100))
    fetched = bars(flat("2024-01-03", 150), flat("2024-01-04", 151))
    checked = check_rows(fetched, dataset=BARS, calendar=DAYS, neighbours=stored)
    assert checked.counts == {"price_limit": 1}
    assert checked.good["close"].tolist() == [151]
    assert check(fetched).counts == {}


def let_through(*keys: tuple[str, str, str | None]) -> pd.MultiIndex:
    """Return released steps: (series, rule, time) each."""
    frame = pd.DataFrame(list(keys), columns=["series_id", "rule", "time"])
    times = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
    frame["time"] = times.astype("datetime64[us, UTC]")
    return pd.MultiIndex.from_frame(frame)


@pytest.mark.parametrize("close", [150, 155])
def test_check_rows_lets_a_released_step_through(close):
    frame = bars(flat("2024-01-02", 100), flat("2024-01-03", close), flat("2024-01-04", 300))
    released = let_through(("A", "price_limit", "2024-01-03"), ("B", "price_limit", "2024-01-04"))
    checked = check_rows(frame, dataset=BARS, calendar=DAYS, released=released)
    assert checked.counts == {"price_limit": 1}
    assert checked.good["close"].tolist() == [100, close]
    assert checked.quarantined["time"].dt.day.tolist() == [4]
    assert checked.waived["time"].dt.day.tolist() == [3]


def test_check_rows_lets_a_released_step_of_a_categorical_series_through():
    frame = bars(flat("2024-01-02", 100), flat("2024-01-03", 150))
    frame["series_id"] = frame["series_id"].astype("category")
    released = let_through(("A", "price_limit", "2024-01-03"))
    assert check_rows(frame, dataset=BARS, calendar=DAYS, released=released).counts == {}


def test_check_rows_judges_a_released_step_by_the_other_rules():
    frame = bars(flat("2024-01-02", 100), ("2024-01-03", 150, 140, 160, 150, 1))
    released = let_through(("A", "price_limit", "2024-01-03"))
    checked = check_rows(frame, dataset=BARS, calendar=DAYS, released=released)
    assert checked.quarantined["rule"].tolist() == ["price_order"]


def test_check_rows_never_waives_what_cannot_be_stored():
    frame = values(
        ("A", "soon", 1.0), ("A", "2024-01-02", 1.0), ("A", "2024-01-02", 2.0),
        ("A", "2024-01-03", np.nan), ("A", "2024-01-04T01:00", 1.0),
    )  # fmt: skip
    released = let_through(
        ("A", "time_unreadable", None), ("A", "duplicate", "2024-01-02"),
        ("A", "not_finite", "2024-01-03"), ("A", "off_calendar", "2024-01-04T01:00"),
    )  # fmt: skip
    checked = check_rows(frame, dataset=VALUES, calendar=DAYS, released=released)
    assert checked.good["value"].tolist() == [2.0]
    assert len(checked.quarantined) == 4


def test_check_rows_holds_a_row_under_its_mended_time(krx_calendar):
    frame = bars(flat("2024-01-02", 100), flat("2024-01-02T15:00", 150))  # midnight in Seoul
    dataset = DatasetConfig(name="d")
    held = check_rows(frame, dataset=dataset, calendar=krx_calendar).quarantined
    assert held["time"].tolist() == [pd.Timestamp("2024-01-03", tz="UTC")]
    assert json.loads(held["row"][0])["time"] == "2024-01-02T15:00:00.000000Z"
    released = let_through(("A", "price_limit", "2024-01-03"))
    checked = check_rows(frame, dataset=dataset, calendar=krx_calendar, released=released)
    assert checked.good["close"].tolist() == [100, 150]
