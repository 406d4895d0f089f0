"""The step that a document counts for, across closes, weekends, holidays, half days and zones."""

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.series.calendar import Calendar, make_calendar


def sessions_of(calendar: Calendar, *times: str) -> list[str]:
    """Return the session or step of documents published at these times."""
    stamps = pd.DatetimeIndex([pd.Timestamp(t).tz_convert("UTC").tz_localize(None) for t in times])
    return [f"{t:.16}" for t in calendar.times(calendar.document_positions(stamps.to_numpy()))]


def test_document_positions_of_a_session_end_with_its_close(krx_calendar):
    # 2024-03-13 is a Wednesday; Seoul closes at 15:30
    assert (
        sessions_of(
            krx_calendar,
            "2024-03-13 08:00+09:00",
            "2024-03-13 15:29:59+09:00",
            "2024-03-13 15:30:00+09:00",
            "2024-03-13 15:30:01+09:00",
            "2024-03-13 23:59:59+09:00",
        )
        == ["2024-03-13T00:00"] * 3 + ["2024-03-14T00:00"] * 2
    )


def test_document_positions_of_a_weekend_are_the_next_session(krx_calendar):
    assert (
        sessions_of(
            krx_calendar,
            "2024-03-15 15:31+09:00",  # Friday evening
            "2024-03-16 12:00+09:00",
            "2024-03-17 23:00+09:00",
            "2024-03-18 15:30+09:00",
        )
        == ["2024-03-18T00:00"] * 4
    )


def test_document_positions_of_chuseok_are_the_session_after_it(krx_calendar):
    # 3 October 2025 is a Friday; until 9 October there was no session
    assert (
        sessions_of(
            krx_calendar,
            "2025-10-02 15:30+09:00",
            "2025-10-02 15:30:01+09:00",
            "2025-10-06 10:00+09:00",
            "2025-10-09 22:00+09:00",
            "2025-10-10 15:30+09:00",
        )
        == ["2025-10-02T00:00"] + ["2025-10-10T00:00"] * 4
    )


def test_document_positions_know_a_half_day(bars_dataset):
    new_york = make_calendar(bars_dataset(calendar="XNYS"))
    # 29 November 2024, the day after Thanksgiving, closed at 13:00
    assert sessions_of(
        new_york,
        "2024-11-28 12:00-05:00",
        "2024-11-29 13:00-05:00",
        "2024-11-29 13:00:01-05:00",
        "2024-11-27 16:00-05:00",
    ) == ["2024-11-29T00:00", "2024-11-29T00:00", "2024-12-02T00:00", "2024-11-27T00:00"]


def test_document_positions_go_by_the_moment_and_not_by_its_zone(krx_calendar):
    same = ["2024-03-13 15:30:00+09:00", "2024-03-13 06:30:00+00:00", "2024-03-13 02:30:00-04:00"]
    assert sessions_of(krx_calendar, *same) == ["2024-03-13T00:00"] * 3


def test_document_positions_of_exchange_rates_are_days_from_monday_to_friday(bars_dataset):
    rates = make_calendar(bars_dataset(calendar="24/5"))
    assert (
        sessions_of(
            rates,
            "2024-03-15 23:59:59+00:00",  # Friday
            "2024-03-16 00:00:00+00:00",  # its end
            "2024-03-16 00:00:01+00:00",
            "2024-03-17 10:00:00+00:00",
        )
        == ["2024-03-15T00:00"] * 2 + ["2024-03-18T00:00"] * 2
    )


def test_document_positions_of_a_fixed_step_are_the_first_time_not_before():
    hourly = Calendar("fixed", 60, 7)  # steps at hh:07
    assert sessions_of(
        hourly,
        "2024-01-01 10:06:59+00:00",
        "2024-01-01 10:07:00+00:00",
        "2024-01-01 10:07:01+00:00",
    ) == ["2024-01-01T10:07"] * 2 + ["2024-01-01T11:07"]


def test_document_positions_after_the_last_known_session_are_minus_one(krx_calendar):
    last = krx_calendar.closes[-1]
    times = np.array([last, last + np.timedelta64(1, "s")])
    assert krx_calendar.document_positions(times).tolist() == [len(krx_calendar.sessions) - 1, -1]


@pytest.mark.parametrize("name", ["krx", "fixed"])
def test_document_span_holds_the_documents_of_a_step(krx_calendar, name):
    calendar = krx_calendar if name == "krx" else Calendar("fixed", 1440)
    position = calendar.positions(np.array(["2024-03-18"], dtype="datetime64[us]"))[0]
    after, until = calendar.document_span(int(position))
    second = np.timedelta64(1, "s")
    times = np.array([after, after + second, until, until + second])
    found = calendar.document_positions(times) - position
    assert found.tolist() == [-1, 0, 0, 1]
