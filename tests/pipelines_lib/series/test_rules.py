"""What each rule marks, and what happens to it."""

import json

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.config import DatasetConfig
from pipelines_lib.series.quality import check_rows
from pipelines_lib.series.rules import RULES
from tests.judging import BARS, DAYS, GOOD, VALUES, bars, check, flat, judge, prices, values


def test_check_rows_repairs_a_halt_with_its_close():
    checked = check(bars(("2024-01-02", *GOOD), ("2024-01-03", 0, 0, 0, 105, 0)))
    assert prices(checked) == [[100, 110, 90, 105, 1000], [105, 105, 105, 105, 0]]
    assert checked.good["repair"].fillna("").tolist() == ["", "halted"]
    assert checked.counts == {"halted": 1}
    assert len(checked.quarantined) == 0


def test_check_rows_does_not_take_a_zero_price_with_volume_for_a_halt():
    checked = check(bars(("2024-01-02", 0, 0, 0, 105, 7)))
    assert checked.counts == {"not_positive": 1}
    assert len(checked.good) == 0


@pytest.mark.parametrize(
    ("came", "stored"),
    [
        ((100.0, 105.0, 90.0, 106.0, 1.0), [100, 106, 90, 106, 1]),  # close above high by 0.94 %
        ((89.5, 105.0, 90.0, 100.0, 1.0), [89.5, 105, 89.5, 100, 1]),  # open below low by 0.5 %
        ((100.0, 99.8, 100.2, 100.0, 1.0), [100, 100.2, 99.8, 100, 1]),  # high below low
    ],
)
def test_check_rows_widens_a_range_that_rounding_narrowed(came, stored):
    checked = check(bars(("2024-01-02", *came)))
    assert prices(checked) == [stored]
    assert checked.good["repair"].tolist() == ["range_rounding"]
    assert checked.counts == {"range_rounding": 1}


@pytest.mark.parametrize(
    "came",
    [
        (100.0, 105.0, 90.0, 106.2, 1.0),  # close above high by 1.13 %
        (88.0, 105.0, 90.0, 100.0, 1.0),  # open below low by 2 %
        (100.0, 90.0, 110.0, 100.0, 1.0),  # high and low swapped
        (100.0, 99.2, 100.7, 100.0, 1.0),  # swapped by 1.5 %, the close within 1 % of both
    ],
)
def test_check_rows_quarantines_a_price_outside_its_range(came):
    checked = check(bars(("2024-01-02", *came)))
    assert checked.counts == {"price_order": 1}
    assert checked.quarantined["rule"].tolist() == ["price_order"]
    assert len(checked.good) == 0


@pytest.mark.parametrize(
    "came",
    [
        (0.0, 110.0, 90.0, 105.0, 1.0),
        (100.0, 110.0, -90.0, 105.0, 1.0),
        (100.0, 110.0, 90.0, 105.0, -1.0),
        (0.0, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_check_rows_quarantines_what_is_not_positive(came):
    checked = check(bars(("2024-01-02", *came)))
    assert checked.counts == {"not_positive": 1}


def test_check_rows_accepts_a_session_without_trades():
    checked = check(bars(("2024-01-02", 100, 100, 100, 100, 0)))
    assert checked.counts == {}
    assert checked.good["repair"].isna().all()


def test_check_rows_quarantines_only_the_row_that_jumps():
    # A split 1:2 that the source did not adjust for: the level stays at the new one.
    checked = check(
        bars(
            flat("2024-01-02", 100),
            flat("2024-01-03", 101),
            flat("2024-01-04", 50),
            flat("2024-01-05", 51),
        )
    )
    assert checked.counts == {"price_limit": 1}
    assert checked.quarantined["time"].dt.day.tolist() == [4]
    assert checked.good["close"].tolist() == [100, 101, 51]


@pytest.mark.parametrize(("close", "refused"), [(130.9, 0), (131.1, 1), (69.1, 0), (68.9, 1)])
def test_check_rows_price_limit_holds_both_ways(close, refused):
    checked = check(bars(flat("2024-01-02", 100), flat("2024-01-03", close)))
    assert checked.counts.get("price_limit", 0) == refused


def test_check_rows_never_takes_the_first_row_of_a_series_for_a_jump():
    frame = pd.concat(
        [
            bars(flat("2024-01-02", 100), flat("2024-01-03", 100), series_id="A"),
            bars(flat("2024-01-02", 9000), flat("2024-01-03", 9000), series_id="B"),
        ]
    )
    assert "price_limit" not in check(frame).counts


def test_check_rows_price_limit_of_zero_is_not_checked():
    frame = bars(flat("2024-01-02", 100), flat("2024-01-03", 9000))
    assert check(frame, BARS.model_copy(update={"price_limit": 0.0})).counts == {}


def test_check_rows_keeps_the_last_of_duplicates():
    checked = check(
        values(("A", "2024-01-02", 1.0), ("A", "2024-01-02", 3.0), ("A", "2024-01-02", 2.0)), VALUES
    )
    assert checked.good["value"].tolist() == [2.0]
    assert checked.counts == {"duplicate": 2}
    told = [json.loads(text)["value"] for text in checked.quarantined["row"]]
    assert told == [1.0, 3.0]


def test_check_rows_does_not_take_another_series_for_a_duplicate():
    checked = check(values(("A", "2024-01-02", 1.0), ("B", "2024-01-02", 1.0)), VALUES)
    assert checked.counts == {}


def test_check_rows_quarantines_a_bar_with_one_missing_price():
    checked = check(bars(("2024-01-02", 100, 110, np.nan, 105, 1)))
    assert checked.counts == {"not_finite": 1}


def test_check_rows_quarantines_a_time_off_the_calendar():
    checked = check(
        values(("A", "2024-01-02T00:00:00.000123", 1.0), ("A", "2024-01-03", 2.0)), VALUES
    )
    assert checked.counts == {"off_calendar": 1}
    assert checked.good["value"].tolist() == [2.0]
    row = json.loads(checked.quarantined["row"][0])
    assert row == {"time": "2024-01-02T00:00:00.000123Z", "value": 1.0}


def test_check_rows_quarantines_a_holiday_of_the_exchange(krx_calendar):
    frame = bars(("2024-01-01", *GOOD), ("2024-01-02", *GOOD))
    checked = check_rows(frame, dataset=DatasetConfig(name="d"), calendar=krx_calendar)
    assert checked.quarantined["rule"].tolist() == ["off_calendar"]
    assert len(checked.good) == 1


def test_check_rows_quarantines_a_time_that_cannot_be_read():
    checked = check(values(("A", "soon", 1.0)), VALUES)
    assert checked.counts == {"time_unreadable": 1}
    assert checked.quarantined["time"].isna().all()
    assert json.loads(checked.quarantined["row"][0]) == {"time": None, "value": 1.0}


def test_check_rows_compares_a_jump_with_the_last_good_row():
    checked = check(
        bars(flat("2024-01-02", 100), ("2024-01-03", -5, -5, -5, -5, 1), flat("2024-01-04", 120))
    )
    assert checked.counts == {"not_positive": 1}
    assert checked.good["close"].tolist() == [100, 120]


def test_rules_stand_in_the_order_in_which_they_are_judged():
    assert [(rule.name, rule.action) for rule in RULES] == [
        ("time_unreadable", "quarantine"),
        ("out_of_order", "warn"),
        ("time_zone", "repair"),
        ("off_calendar", "quarantine"),
        ("open_session", "postpone"),
        ("duplicate", "quarantine"),
        ("missing_session", "warn"),
        ("not_finite", "quarantine"),
        ("halted", "repair"),
        ("not_positive", "quarantine"),
        ("range_rounding", "repair"),
        ("price_order", "quarantine"),
        ("price_limit", "quarantine"),
        ("zero_volume_run", "warn"),
        ("stale_repeat", "warn"),
    ]


def test_check_rows_of_values_skips_the_rules_of_bars():
    dataset = VALUES.model_copy(
        update={"value_columns": ["open", "high", "low", "close", "volume"], "target": "close"}
    )
    frame = bars(
        ("2024-01-02", 0, 0, 0, 105, 0), ("2024-01-03", -1, -2, 7, 9999, -1), ("2024-01-04", *GOOD)
    )
    checked = check(frame, dataset)
    assert checked.counts == {}
    assert prices(checked)[:2] == [[0, 0, 0, 105, 0], [-1, -2, 7, 9999, -1]]


@pytest.mark.parametrize(
    ("at", "stored"),
    [
        ("2024-01-03T06:00", [2]),  # 15:00 in Seoul: trading goes on
        ("2024-01-03T08:29", [2]),  # closed at 15:30, the margin of two hours is not over
        ("2024-01-03T08:30", [2, 3]),
        ("2024-01-04T00:00", [2, 3]),
    ],
)
def test_check_rows_puts_off_the_row_of_an_open_session(at, stored, krx_calendar):
    frame = bars(("2024-01-02", *GOOD), ("2024-01-03", *GOOD[:4], 7.0))
    checked = judge(frame, at, krx_calendar)
    assert checked.good["time"].dt.day.tolist() == stored
    assert checked.counts.get("open_session", 0) == 2 - len(stored)
    assert len(checked.quarantined) == 0  # the source will give it again


def test_check_rows_puts_off_a_reading_of_the_future():
    frame = values(("A", "2024-01-02", 1.0), ("A", "2024-01-03", 2.0))
    at = pd.Timestamp("2024-01-02T12:00", tz="UTC")
    checked = check_rows(frame, dataset=VALUES, calendar=DAYS, at=at)
    assert checked.good["value"].tolist() == [1.0]
    assert checked.counts == {"open_session": 1}


def test_check_rows_puts_a_time_at_the_exchanges_midnight_on_its_session(krx_calendar):
    frame = bars(("2024-01-01T15:00Z", *GOOD), ("2024-01-02T15:00Z", *GOOD[:4], 7.0))
    checked = check_rows(frame, dataset=DatasetConfig(name="d"), calendar=krx_calendar)
    assert checked.counts == {"time_zone": 2}
    assert checked.good["time"].tolist() == [
        pd.Timestamp("2024-01-02", tz="UTC"),
        pd.Timestamp("2024-01-03", tz="UTC"),
    ]
    assert checked.good["repair"].tolist() == ["time_zone", "time_zone"]


def test_check_rows_sees_that_a_mended_time_stands_already(krx_calendar):
    frame = bars(("2024-01-01T15:00Z", *GOOD), ("2024-01-02", *GOOD))
    checked = check_rows(frame, dataset=DatasetConfig(name="d"), calendar=krx_calendar)
    assert checked.counts == {"time_zone": 1, "duplicate": 1}
    assert len(checked.good) == 1


def test_check_rows_does_not_mend_a_midnight_of_a_holiday(krx_calendar):
    frame = bars(("2023-12-31T15:00Z", *GOOD))  # New Year's Day in Seoul
    checked = check_rows(frame, dataset=DatasetConfig(name="d"), calendar=krx_calendar)
    assert checked.counts == {"off_calendar": 1}


def test_check_rows_warns_of_rows_out_of_order():
    frame = values(
        ("A", "2024-01-03", 3.0), ("B", "2024-01-01", 9.0), ("A", "2024-01-02", 2.0),
        ("A", "2024-01-04", 4.0),
    )  # fmt: skip
    checked = check(frame, VALUES)
    assert checked.counts == {"out_of_order": 1}
    assert checked.examples == {"out_of_order": "A 2024-01-02"}
    assert checked.good["value"].tolist() == [2.0, 3.0, 4.0, 9.0]


def test_check_rows_counts_the_missing_steps_of_each_series():
    frame = values(
        ("A", "2024-01-01", 1.0), ("A", "2024-01-04", 2.0), ("A", "2024-01-05", np.nan),
        ("A", "2024-01-06", 3.0), ("B", "2024-01-09", 1.0),
    )  # fmt: skip
    checked = check(frame, VALUES)
    assert checked.counts == {"missing_session": 2, "not_finite": 1}
    assert checked.examples["missing_session"] == "A 2024-01-04"


def test_check_rows_takes_a_holiday_for_no_gap(krx_calendar):
    frame = bars(("2023-12-28", *GOOD), ("2024-01-02", *GOOD[:4], 7.0))
    checked = check_rows(frame, dataset=DatasetConfig(name="d"), calendar=krx_calendar)
    assert checked.counts == {}


def test_check_rows_warns_of_a_bar_told_twice():
    frame = bars(("2024-01-02", *GOOD), ("2024-01-03", *GOOD), ("2024-01-04", *GOOD[:4], 7.0))
    checked = check(frame)
    assert checked.counts == {"stale_repeat": 1}
    assert len(checked.good) == 3


def test_check_rows_lets_a_sensor_rest_for_a_while():
    days = pd.date_range("2024-01-01", periods=20).astype(str)
    resting = values(*[("A", day, 5.0) for day in days])
    assert check(resting, VALUES).counts == {"stale_repeat": 19}
    assert check(resting[:19], VALUES).counts == {}


def test_check_rows_warns_of_a_run_without_trades():
    def quiet(n):
        days = pd.date_range("2024-01-01", periods=n).astype(str)
        return bars(*[(day, 5.0, 5.0, 5.0, 5.0, 0.0) for day in days])

    assert check(quiet(5)).counts == {"zero_volume_run": 5}
    assert check(quiet(4)).counts == {}
