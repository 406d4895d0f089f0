import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines_lib.errors import SeriesError
from pipelines_lib.series.calendar import Calendar, make_calendar, naive_times


def at(*times: str) -> np.ndarray:
    return np.array(times, dtype="datetime64[us]")


def test_positions_of_sessions_skip_a_holiday(krx_calendar):
    # 2024-02-08 Thursday; 9 to 12 February was Lunar New Year and a weekend; 13 Tuesday.
    first, after = krx_calendar.positions(at("2024-02-08", "2024-02-13"))
    assert after - first == 1


def test_positions_of_sessions_show_a_missing_session_as_a_gap(krx_calendar):
    first, after = krx_calendar.positions(at("2024-01-02", "2024-01-04"))
    assert after - first == 2


@pytest.mark.parametrize(
    "time",
    [
        "2024-01-01",  # holiday
        "2024-01-06",  # Saturday
        "2024-01-02T09:00",  # within a session
        "1979-12-28",  # before the calendar
        "2999-01-01",  # after it
    ],
)
def test_positions_off_the_calendar_are_minus_one(krx_calendar, time):
    assert krx_calendar.positions(at(time)).tolist() == [-1]


def test_times_are_the_sessions_at_midnight(krx_calendar):
    first = krx_calendar.positions(at("2024-02-07"))[0]
    expected = at("2024-02-07", "2024-02-08", "2024-02-13", "2024-02-14")
    assert krx_calendar.times(first + np.arange(4)).tolist() == expected.tolist()


def test_times_beyond_the_calendar_name_its_end_and_the_remedy(krx_calendar):
    last = len(krx_calendar.sessions) - 1
    assert krx_calendar.times(np.array([last])).size == 1
    with pytest.raises(SeriesError, match=r"XKRX ends on \d{4}-\d\d-\d\d: shorten the horizon"):
        krx_calendar.times(np.array([last, last + 1]))


def test_positions_of_a_fixed_step_count_from_1970():
    hours = Calendar("fixed", 60)
    found = hours.positions(at("1970-01-01T00:00", "1970-01-01T05:00", "1970-01-02T00:00"))
    assert found.tolist() == [0, 5, 24]
    assert hours.positions(at("1970-01-01T05:30", "1970-01-01T05:00:00.000001")).tolist() == [
        -1,
        -1,
    ]


def test_times_of_a_fixed_step_have_no_end():
    found = Calendar("fixed", 15).times(np.array([0, 4 * 24, 4 * 24 * 365_000]))
    assert found[:2].tolist() == at("1970-01-01", "1970-01-02").tolist()
    assert found[2] > np.datetime64("2900-01-01")


@given(positions=st.lists(st.integers(0, 10_000_000)), minutes=st.integers(1, 10_080))
def test_positions_undo_times_of_a_fixed_step(positions, minutes):
    calendar = Calendar("fixed", minutes)
    times = calendar.times(np.array(positions, dtype="int64"))
    assert calendar.positions(times).tolist() == positions


@given(data=st.data())
def test_positions_undo_times_of_sessions(krx_calendar, data):
    numbers = st.integers(0, len(krx_calendar.sessions) - 1)
    positions = data.draw(st.lists(numbers, max_size=20))
    times = krx_calendar.times(np.array(positions, dtype="int64"))
    assert krx_calendar.positions(times).tolist() == positions


@pytest.mark.parametrize(
    ("minutes", "season"), [(1, 1440), (15, 96), (60, 24), (1440, 7), (10_080, 7), (1000, 2)]
)
def test_natural_season_of_a_fixed_step_is_a_day_or_a_week(minutes, season):
    assert Calendar("fixed", minutes).natural_season == season


def test_natural_season_of_sessions_is_a_week(krx_calendar):
    assert krx_calendar.natural_season == 5


def test_make_calendar_follows_the_declaration(bars_dataset, values_dataset, krx_calendar):
    fixed = make_calendar(values_dataset(step_minutes=15))
    assert (fixed.name, fixed.step_minutes, fixed.sessions) == ("fixed", 15, None)
    assert make_calendar(bars_dataset()).sessions is krx_calendar.sessions


def test_make_calendar_of_xnys_has_other_holidays(bars_dataset):
    new_york = make_calendar(bars_dataset(calendar="XNYS"))
    assert new_york.positions(at("2024-07-04")).tolist() == [-1]
    assert new_york.positions(at("2024-02-09")).tolist() != [-1]


def test_fixed_calendar_steps_at_an_offset():
    calendar = Calendar("fixed", 60, offset_minutes=7)
    times = np.array(["2024-01-01T00:07", "2024-01-01T00:00", "2024-01-01T01:07"], "datetime64[us]")
    first, off, second = calendar.positions(times)
    assert (off, second - first) == (-1, 1)
    assert calendar.times(np.array([first]))[0] == times[0]


def test_fixed_calendar_of_weeks_that_begin_on_mondays():
    calendar = Calendar("fixed", 7 * 1440, offset_minutes=4 * 1440)  # 1970-01-01 was a Thursday
    mondays = np.array(["2024-01-01", "2024-01-08"], "datetime64[us]")
    assert np.diff(calendar.positions(mondays)).tolist() == [1]
    assert (calendar.positions(mondays) >= 0).all()


def test_naive_times_are_utc():
    times = pd.Series(pd.to_datetime(["2024-01-02T09:00+09:00"])).dt.tz_convert("Asia/Seoul")
    assert naive_times(times).tolist() == [np.datetime64("2024-01-02T00:00", "us").item()]
