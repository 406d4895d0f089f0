"""Absent nights as a real Prefect server tells them: deployed jobs, and runs in every state."""

from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Failed, Running, Scheduled

from deployments.jobs import find_job
from deployments.serve import make_deployments
from deployments.servers import Server
from deployments.watch import watch_once
from pipelines_lib.forecasting.nights import PERSON
from pipelines_lib.lake import Lake
from pipelines_lib.settings import Settings
from tests.absence import JOB, due_on, leave_night, store_job

GRACE = timedelta(minutes=180)
TODAY = datetime.now(UTC)
DUE = due_on(TODAY + timedelta(days=1))  # after the job was deployed
BEFORE = TODAY  # its day brought the step before


@pytest.fixture
def lake(home):
    store_job(home)
    return Lake(str(home / "lake"))


@pytest.fixture
def deployed(lake):
    """Deploy the job anew, and return the id of its deployment."""
    [deployment] = make_deployments({JOB: find_job(JOB)})
    made = deployment.apply()
    yield made
    with get_client(sync_client=True) as client:
        client.delete_deployment(made)


@pytest.fixture
def run(deployed):
    """Return a factory of runs that were due at a time and are in a state now."""

    def make(state, due=DUE):
        with get_client(sync_client=True) as client:
            made = client.create_flow_run_from_deployment(
                deployed, state=Scheduled(scheduled_time=due), name="a-run"
            )
            if state is not None:
                client.set_flow_run_state(made.id, state, force=True)

    return make


def absent(home, at=DUE + GRACE):
    server = Server("Prefect", str(get_current_settings().api.url), up=True)
    found = watch_once(Settings(home=home), at=at, server=server)
    return [(absence.due.at, *absence.sentences) for absence in found if absence.due.job == JOB]


def test_a_run_that_did_its_work_is_not_absent(home, lake, run):
    leave_night(lake, DUE)
    run(Completed())
    assert absent(home) == []


def test_a_partial_run_and_a_later_one_did_the_work(home, lake, run):
    leave_night(lake, BEFORE)
    run(Failed(message="the disk is full"))
    run(Completed(name="Partial"), due=DUE + timedelta(hours=1))
    assert absent(home) == []  # the source had nothing new: the forecasts of before stand


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "its run a-run was never started: does `tidewatch up` (or serve) run?"),
        (Running(), "its run a-run has not ended yet (Running)"),
        (Failed(message="the disk\nis full"), "its run a-run ended as Failed: the disk is full"),
        (Cancelled(), "its run a-run ended as Cancelled"),
        (
            Completed(name="Skipped", message="no session"),
            "its run a-run ended as Skipped: no session",
        ),
    ],
)
def test_a_run_that_did_not_end_well_is_absent_and_says_how(home, lake, run, state, said):
    leave_night(lake, BEFORE)
    run(state)
    assert absent(home) == [(DUE, said)]
    assert absent(home, DUE + GRACE - timedelta(seconds=1)) == []


def test_a_run_that_never_was_is_absent(home, lake, run):
    run(Completed(), due=DUE - timedelta(minutes=1))  # of the time before
    [(at, said)] = absent(home)
    assert at == DUE
    assert said.startswith("Prefect has no run of it from then on")


def test_a_night_run_by_hand_fills_in_for_one_that_failed(home, lake, run):
    run(Failed())
    leave_night(lake, DUE, started_by=PERSON)
    assert absent(home) == []


def test_a_completed_run_whose_forecasts_do_not_stand_is_absent(home, lake, run):
    leave_night(lake, DUE, lost=("C",))
    run(Completed())
    assert absent(home) == [(DUE, f"1 of 3 series have no forecast from {DUE:%Y-%m-%d}: C")]


def test_a_completed_run_of_a_dataset_without_rows_is_absent(home, lake, run):
    run(Completed())
    [(_, said)] = absent(home)
    assert "no row in the lake" in said


def test_nothing_is_expected_before_the_job_was_deployed(home, lake, deployed):
    assert absent(home, due_on(TODAY - timedelta(days=1)) + GRACE) == []


def test_nothing_is_expected_of_a_paused_job(home, lake, deployed):
    with get_client(sync_client=True) as client:
        client.pause_deployment(deployed)
    assert absent(home) == []


def test_nothing_is_expected_of_a_job_that_is_not_deployed(home, lake):
    assert absent(home) == []
