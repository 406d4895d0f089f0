"""Scheduled runs without work end at once: on holidays, and after an outage all but the newest."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from prefect.states import Completed, Scheduled

from pipelines_lib.config import DatasetConfig
from tasks.due import reason_to_skip

PRICES = DatasetConfig(name="prices", calendar="XKRX")
READINGS = DatasetConfig(
    name="readings", kind="values", value_columns=["value"], target="value", calendar="fixed"
)


@flow
def job_of_a_test():
    """Do nothing."""


class Job:
    """A deployment whose runs stand as if its schedule had made them."""

    def __init__(self, name):
        with get_client(sync_client=True) as client:
            made_flow = client.create_flow(job_of_a_test)
            self.id = client.create_deployment(flow_id=made_flow, name=name)

    def run(self, due, state=None, *, scheduled=True):
        """Return a run that was due at a moment, in a state; None: nobody has begun it."""
        with get_client(sync_client=True) as client:
            run = client.create_flow_run_from_deployment(
                self.id, state=Scheduled(scheduled_time=due)
            )
            self._mark(run.id, due, scheduled)
            if state is not None:
                client.set_flow_run_state(run.id, state, force=True)
            return client.read_flow_run(run.id)

    def _mark(self, run_id, due, scheduled):
        """Mark a run as made by a schedule: only the server's own scheduler can."""
        url = get_current_settings().server.database.connection_url.get_secret_value()
        with sqlite3.connect(url.partition("///")[2], timeout=60) as database:
            changed = database.execute(
                "UPDATE flow_run SET auto_scheduled = ?, expected_start_time = ? WHERE id = ?",
                (scheduled, f"{due.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}", str(run_id)),
            )
            assert changed.rowcount == 1


@pytest.fixture
def job(request):
    return Job(request.node.name)


def seoul(text):
    """Return a moment of 2025 in Seoul, as 01-27 18:30."""
    return datetime.strptime(f"2025-{text} +0900", "%Y-%m-%d %H:%M %z").astimezone(UTC)


def test_reason_to_skip_on_a_holiday_says_which_session_was_the_last(job):
    job.run(seoul("01-27 18:30"), Completed())  # the 27th to the 30th: new year, no session
    night = job.run(seoul("01-29 18:30"))
    assert reason_to_skip(night, PRICES) == (
        "no session of XKRX has closed since the run of 2025-01-27 18:30 Asia/Seoul: the newest is "
        "that of 2025-01-24, and this run was due on Wednesday, 2025-01-29 18:30"
    )


def test_reason_to_skip_on_a_session_is_none(job):
    job.run(seoul("01-24 18:30"), Completed())
    night = job.run(seoul("01-31 18:30"))
    assert reason_to_skip(night, PRICES) == ""


@pytest.mark.parametrize("name", ["Partial", "Skipped"])
def test_reason_to_skip_on_a_holiday_makes_up_for_a_night_that_did_not_do_all(job, name):
    job.run(seoul("01-24 18:30"), Completed(name=name))
    assert reason_to_skip(job.run(seoul("01-28 18:30")), PRICES) == ""


def test_reason_to_skip_where_steps_are_no_sessions_is_none(job):
    job.run(seoul("01-27 18:30"), Completed())
    assert reason_to_skip(job.run(seoul("01-29 18:30")), READINGS) == ""


def test_reason_to_skip_after_an_outage_leaves_one_run_of_ten(job):
    nights = [job.run(seoul(f"02-{day:02d} 18:30")) for day in range(3, 13)]
    reasons = [reason_to_skip(night, PRICES) for night in nights]
    assert reasons[-1] == ""
    assert set(reasons[:-1]) == {
        "the run due at 2025-02-12 18:30 Asia/Seoul does its work: a missed one runs once"
    }


def test_reason_to_skip_is_none_for_a_run_that_is_not_due_yet(job):
    night = job.run(seoul("02-03 18:30"))
    job.run(datetime.now(UTC) + timedelta(hours=1))
    assert reason_to_skip(night, PRICES) == ""


def test_reason_to_skip_is_none_where_a_person_started_the_run(job):
    job.run(seoul("01-27 18:30"), Completed())
    asked = job.run(seoul("01-29 12:00"), scheduled=False)
    job.run(seoul("01-30 18:30"))
    assert reason_to_skip(asked, PRICES) == ""
    assert reason_to_skip(None, PRICES) == ""


def test_reason_to_skip_in_new_york_knows_summer_time(job):
    shares = DatasetConfig(name="us", calendar="XNYS")
    # Closes at 16:00; final two hours later: 18:00, which is 23:00 UTC in winter, 22:00 in summer.
    job.run(datetime(2025, 3, 7, 23, 30, tzinfo=UTC), Completed())  # Friday, winter
    monday = job.run(datetime(2025, 3, 10, 22, 30, tzinfo=UTC))  # summer time since Sunday
    assert reason_to_skip(monday, shares) == ""
    early = job.run(datetime(2025, 3, 11, 21, 30, tzinfo=UTC))  # Tuesday's bar is not final yet
    job.run(datetime(2025, 3, 10, 22, 31, tzinfo=UTC), Completed())
    assert "the newest is that of 2025-03-10" in reason_to_skip(early, shares)
