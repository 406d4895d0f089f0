"""Absent nights as the lake alone tells them, and what people are told."""

from datetime import timedelta

import pytest

from deployments.due import Due
from deployments.servers import Server
from deployments.watch import Absence, tell_absences, tell_left_over, watch_once
from pipelines_lib.alerts import PROMOTED, Alert
from pipelines_lib.forecasting.nights import PERSON, SCHEDULE
from pipelines_lib.lake import Lake, list_datasets
from pipelines_lib.lake.place import ROOT
from pipelines_lib.settings import Settings
from pipelines_lib.tables import ALERTS
from tasks.alerts import note_alerts
from tests.absence import JOB, day_of, due_on, leave_night, store_job

AWAY = Server("Prefect", "http://127.0.0.1:1/api", up=False)
MONDAY, TUESDAY, WEDNESDAY = (day_of(f"2024-01-0{day}") for day in (1, 2, 3))
GRACE = timedelta(minutes=180)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    store_job(tmp_path)
    return tmp_path


@pytest.fixture
def lake(home):
    return Lake(str(home / "lake"))


def absent(home, at, **fields):
    found = watch_once(Settings(home=home, **fields), at=at, server=AWAY)
    return [(a.due.job, a.due.dataset, a.due.at, a.sentences) for a in found]


def test_nights_that_stand_are_not_absent(home, lake):
    leave_night(lake, MONDAY)
    leave_night(lake, TUESDAY)
    assert absent(home, due_on(TUESDAY) + GRACE) == []


def test_a_night_that_brought_nothing_is_absent_after_its_grace(home, lake):
    leave_night(lake, MONDAY)
    leave_night(lake, TUESDAY)
    deadline = due_on(WEDNESDAY) + GRACE
    assert absent(home, deadline - timedelta(seconds=1)) == []
    said = "its newest night in the lake is of 2024-01-02, and there was a newer step to bring, "
    wanted = [(JOB, "sensors", due_on(WEDNESDAY), (said + "2024-01-03",))]
    assert absent(home, deadline) == wanted
    assert absent(home, due_on(WEDNESDAY), night_grace_minutes=0) == wanted


def test_forecasts_that_do_not_stand_are_absent_though_the_night_ran(home, lake):
    leave_night(lake, MONDAY)
    leave_night(lake, TUESDAY, lost=("B",))
    said = "1 of 3 series have no forecast from 2024-01-02: B"
    assert absent(home, due_on(TUESDAY) + GRACE) == [(JOB, "sensors", due_on(TUESDAY), (said,))]


def test_a_source_that_stood_still_after_one_night_is_not_called_absent(home, lake):
    leave_night(lake, MONDAY)
    assert absent(home, due_on(WEDNESDAY) + GRACE) == []


def test_nights_run_by_hand_alone_promise_no_other(home, lake):
    for day in (MONDAY, TUESDAY):
        leave_night(lake, day, started_by=PERSON)
    assert absent(home, due_on(WEDNESDAY) + 5 * GRACE) == []


def test_a_night_run_by_hand_fills_in_for_the_scheduled_one(home, lake):
    for day, who in ((MONDAY, SCHEDULE), (TUESDAY, SCHEDULE), (WEDNESDAY, PERSON)):
        leave_night(lake, day, started_by=who)
    assert absent(home, due_on(WEDNESDAY) + GRACE) == []


def test_a_night_that_is_being_written_waits_while_an_earlier_one_stands(home, lake):
    leave_night(lake, MONDAY)
    leave_night(lake, TUESDAY)
    written = leave_night(lake, WEDNESDAY, lost=("A", "B", "C")).at
    assert absent(home, written + timedelta(minutes=1)) == []
    assert absent(home, written + timedelta(minutes=11)) != []


def test_watch_once_of_an_empty_home_finds_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    assert absent(tmp_path, WEDNESDAY) == []


def test_tell_absences_raises_one_alert_a_night_under_its_dataset_and_once(lake):
    night = Absence(Due(JOB, "sensors", due_on(TUESDAY), "UTC"), ("A is missing", "B is NaN"))
    again = Absence(Due("other", "sensors", due_on(TUESDAY), "UTC"), ("it never ran",))
    upkeep = Absence(Due("maintain", "", due_on(MONDAY), "UTC"), ("it failed",))
    absences = [night, again, upkeep]
    assert tell_absences(lake, absences, at=WEDNESDAY) == 3
    assert tell_absences(lake, absences, at=WEDNESDAY + GRACE) == 0
    first, second = (lake.read_rows(name, ALERTS) for name in ("sensors", ROOT))
    assert set(first["kind"]) == {"night.absent"}
    told = first[first["subject"] == f"{JOB}/2024-01-02T18:00:00+00:00"].iloc[0]
    assert told["title"] == f"{JOB}: the run due Tue 2024-01-02 18:00 UTC is absent"
    assert told["text"] == f"A is missing\nB is NaN\nThen: tidewatch run {JOB}"
    assert list(second["subject"]) == ["maintain/2024-01-01T18:00:00+00:00"]


def test_tell_absences_of_none_leaves_no_table(lake):
    assert tell_absences(lake, [], at=MONDAY) == 0
    assert list_datasets(lake) == []


def test_tell_left_over_tells_once_what_a_killed_run_has_noted(lake):
    leave_night(lake, MONDAY)
    noted = Alert(PROMOTED, "sensors-forecaster v1", "a title", "a text")
    note_alerts(lake, "sensors", [noted], at=MONDAY)
    assert set(lake.read_rows("sensors", ALERTS)["told_how"]) == {""}
    assert tell_left_over(lake, at=MONDAY + GRACE) == 1
    assert tell_left_over(lake, at=MONDAY + GRACE) == 0
    assert "" not in set(lake.read_rows("sensors", ALERTS)["told_how"])
