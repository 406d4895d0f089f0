"""When a job was due: its cron, in its zone, on sessions of its exchange."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from deployments.due import find_due
from deployments.jobs import Job, find_job
from pipelines_lib.errors import ConfigError

NIGHTLY, TRAIN = "flows/nightly.py:nightly", "flows/train_forecaster.py:train_forecaster"


def job(cron, zone, *more, dataset=None, entrypoint=NIGHTLY, **parameters):
    schedules = [{"cron": each, "timezone": zone} for each in (cron, *more)]
    given = {"dataset": dataset} if dataset is not None else {}
    return Job("night", entrypoint, parameters=given | parameters, schedules=schedules)


def bars(calendar, **fields):
    return {"name": "bars", "calendar": calendar, **fields}


def due(wanted, *until):
    return find_due(wanted, until=datetime(*until, tzinfo=UTC))


@pytest.mark.parametrize(
    ("until", "at"),
    [
        ((2026, 3, 6, 23, 30), (2026, 3, 6, 23, 30)),  # winter: UTC-5; the moment itself counts
        ((2026, 3, 9, 22, 29), (2026, 3, 6, 23, 30)),
        ((2026, 3, 9, 22, 30), (2026, 3, 9, 22, 30)),  # summer began on the 8th: UTC-4
        ((2026, 10, 30, 22, 31), (2026, 10, 30, 22, 30)),
        ((2026, 11, 2, 23, 29), (2026, 10, 30, 22, 30)),  # and ended on 1 November
        ((2026, 11, 2, 23, 30), (2026, 11, 2, 23, 30)),
    ],
)
def test_find_due_keeps_the_hour_of_new_york_over_daylight_saving(until, at):
    found = due(job("30 18 * * 1-5", "America/New_York", dataset=bars("XNYS")), *until)
    assert found.at == datetime(*at, tzinfo=UTC)
    assert (found.at.hour, found.at.minute, found.zone) == (18, 30, "America/New_York")


@pytest.mark.parametrize(
    ("until", "day", "newest", "before"),
    [
        # Chuseok 2025: no session from Friday 3 to Thursday 9 October, the 10th is one.
        ((2025, 10, 2, 10, 0), 2, 2, 1),
        ((2025, 10, 3, 10, 0), 2, 2, 1),
        ((2025, 10, 9, 23, 0), 2, 2, 1),
        ((2025, 10, 10, 9, 29), 2, 2, 1),
        ((2025, 10, 10, 9, 30), 10, 10, 2),
        ((2025, 10, 12, 12, 0), 10, 10, 2),  # a Sunday
    ],
)
def test_find_due_skips_the_holidays_of_the_exchange(until, day, newest, before):
    found = due(job("30 18 * * 1-5", "Asia/Seoul", dataset=bars("XKRX")), *until)
    assert found.at == datetime(2025, 10, day, 9, 30, tzinfo=UTC)
    assert found.newest == datetime(2025, 10, newest, tzinfo=UTC)
    assert found.before == datetime(2025, 10, before, tzinfo=UTC)
    assert found.shown.endswith(f"2025-10-{day:02d} 18:30 Asia/Seoul")


def test_find_due_of_the_morning_after_is_about_the_session_before():
    found = due(job("0 8 * * *", "Asia/Seoul", dataset=bars("XNYS")), 2026, 7, 4, 1)
    # Friday 3 July is a holiday in New York: the run of Friday morning brought Thursday's session.
    assert found.at == datetime(2026, 7, 3, 8, tzinfo=ZoneInfo("Asia/Seoul"))
    assert found.newest == datetime(2026, 7, 2, tzinfo=UTC)


def test_find_due_of_a_job_without_sessions_goes_by_its_cron_alone():
    weekly = job("0 6 * * 6", "Asia/Seoul", entrypoint=TRAIN, dataset="bars")
    found = due(weekly, 2025, 10, 9)
    assert found.at == datetime(2025, 10, 3, 21, tzinfo=UTC)
    assert (found.dataset, found.declared, found.forecasts) == ("bars", None, False)
    assert due(job("0 5 * * 0", "Asia/Seoul"), 2025, 10, 9).dataset == ""


def test_find_due_of_a_fixed_calendar_is_due_every_time_and_knows_the_newest_step():
    sensors = {
        **{"name": "s", "kind": "values", "value_columns": ["v"], "target": "v"},
        **{"calendar": "fixed", "step_minutes": 60, "source": {"kind": "synthetic-sine"}},
    }
    found = due(job("15 * * * *", "UTC", dataset=sensors), 2026, 1, 1, 12, 0)
    assert found.at == datetime(2026, 1, 1, 11, 15, tzinfo=UTC)
    assert found.newest == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert found.before == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_find_due_takes_the_newest_of_several_schedules():
    twice = job("0 9 * * *", "Asia/Seoul", "0 21 * * *")
    assert due(twice, 2026, 1, 1, 11, 59).at == datetime(2026, 1, 1, tzinfo=UTC)
    assert due(twice, 2026, 1, 1, 12, 0).at == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_find_due_of_a_job_of_each_minute_of_one_day_finds_its_last():
    found = due(job("* * * * 1", "UTC"), 2026, 1, 8)  # a Thursday: 1,440 times lie behind
    assert found.at == datetime(2026, 1, 5, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize("parameters", [{"forecast": False}, {}])
def test_find_due_knows_whether_a_night_forecasts(parameters):
    nightly = job("30 18 * * 1-5", "Asia/Seoul", dataset=bars("XKRX"), **parameters)
    assert due(nightly, 2025, 10, 12).forecasts is (parameters == {})


def test_find_due_refuses_a_cron_that_is_none():
    with pytest.raises(ConfigError, match=r"job night has a schedule that cannot be read: .*25"):
        due(job("0 25 * * *", "UTC"), 2026, 1, 1)


def test_find_due_refuses_a_declaration_that_is_none():
    with pytest.raises(ConfigError, match="job night: dataset: calendar"):
        due(job("0 5 * * *", "UTC", dataset=bars("XXXX")), 2026, 1, 1)


def test_find_due_of_a_declared_job():
    assert due(find_job("krx-live"), 2026, 7, 1).dataset == "krx-live"
