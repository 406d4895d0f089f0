"""What Prefect's server knows of the jobs: their deployments, and how their runs went."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.objects import FlowRun, StateType
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.sorting import FlowRunSort

DEADLINE_S = 5
"""Seconds in which the server must answer each request; it is asked once."""
DID_ITS_WORK = ("Completed", "Partial")
"""Names of the states of a run that did its work: not Skipped."""
PAGE = 200


@dataclass(frozen=True)
class SeenRun:
    """One flow run."""

    name: str
    kind: str
    """Type of its state: SCHEDULED, RUNNING, COMPLETED, ..."""
    state: str
    """Name of its state: Late, Partial, ..."""
    message: str
    due: datetime
    started: datetime | None
    seconds: float

    @property
    def did_its_work(self) -> bool:
        """Return whether it ended well."""
        return self.kind == "COMPLETED" and self.state in DID_ITS_WORK


@dataclass(frozen=True)
class SeenJob:
    """A job as it is deployed."""

    name: str
    created: datetime | None
    paused: bool
    """Whether nothing of it is scheduled: the deployment is paused, or each of its schedules."""
    id: str


@contextmanager
def open_prefect(api: str) -> Iterator["SyncPrefectClient"]:
    """Open a client that answers or fails within seconds, and never asks twice."""
    from prefect.client.orchestration import get_client
    from prefect.settings import (
        PREFECT_API_REQUEST_TIMEOUT,
        PREFECT_API_URL,
        PREFECT_CLIENT_MAX_RETRIES,
        temporary_settings,
    )

    quick = {
        PREFECT_API_URL: api,
        PREFECT_API_REQUEST_TIMEOUT: DEADLINE_S,
        PREFECT_CLIENT_MAX_RETRIES: 0,
    }
    with temporary_settings(quick), get_client(sync_client=True) as client:
        yield client


def read_deployed(client: "SyncPrefectClient") -> dict[str, SeenJob]:
    """Return every deployed job, by name."""
    deployed: dict[str, SeenJob] = {}
    page = 0
    while found := client.read_deployments(limit=PAGE, offset=PAGE * page):
        deployed |= {job.name: job for job in map(_seen_job, found)}
        page += 1
    return deployed


def read_runs_due(
    client: "SyncPrefectClient", job: SeenJob, since: datetime, until: datetime
) -> list[SeenRun]:
    """Return the runs of a job that were due between two times, both inclusive.

    One that did its work comes first, if there is one; then the newest.
    """
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    ended = _filter(job, since=since, until=until, states=[StateType.COMPLETED], names=DID_ITS_WORK)
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    well = _read(client, ended, newest, limit=1)
    others = _read(client, _filter(job, since=since, until=until), newest, limit=PAGE)
    seen = {run.id: run for run in [*well, *others]}
    return [_seen_run(run) for run in seen.values()]


def read_last_run(client: "SyncPrefectClient", job: SeenJob) -> SeenRun | None:
    """Return the newest run that has begun; None: none has."""
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    begun = [kind for kind in StateType if kind is not StateType.SCHEDULED]
    found = _read(client, _filter(job, states=begun), FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
    return _seen_run(found[0]) if found else None


def read_next_run(client: "SyncPrefectClient", job: SeenJob) -> datetime | None:
    """Return when the next run is due; None: none is."""
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    waiting = _filter(job, states=[StateType.SCHEDULED])
    found = _read(client, waiting, FlowRunSort.EXPECTED_START_TIME_ASC, limit=1)
    return found[0].expected_start_time if found else None


def _read(
    client: "SyncPrefectClient", wanted: "FlowRunFilter", sort: "FlowRunSort", *, limit: int
) -> list["FlowRun"]:
    return client.read_flow_runs(flow_run_filter=wanted, sort=sort, limit=limit)


def _filter(
    job: SeenJob,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    states: Sequence["StateType"] | None = None,
    names: Sequence[str] | None = None,
) -> "FlowRunFilter":
    from uuid import UUID

    from prefect.client.schemas import filters

    state = None
    if states is not None:
        state = filters.FlowRunFilterState(
            type=filters.FlowRunFilterStateType(any_=list(states)),
            name=filters.FlowRunFilterStateName(any_=list(names)) if names else None,
        )
    between = filters.FlowRunFilterExpectedStartTime(after_=since, before_=until)
    return filters.FlowRunFilter(
        deployment_id=filters.FlowRunFilterDeploymentId(any_=[UUID(job.id)]),
        state=state,
        expected_start_time=between if since or until else None,
    )


def _seen_job(deployment: "DeploymentResponse") -> SeenJob:
    active = any(schedule.active for schedule in deployment.schedules)
    return SeenJob(
        deployment.name, deployment.created, deployment.paused or not active, str(deployment.id)
    )


def _seen_run(run: "FlowRun") -> SeenRun:
    state = run.state
    assert run.expected_start_time is not None, "a run of a deployment knows when it was due"
    return SeenRun(
        run.name,
        state.type.value if state else "",
        state.name or "" if state else "",
        " ".join((state.message or "").split()) if state else "",
        run.expected_start_time,
        run.start_time,
        run.total_run_time.total_seconds(),
    )
