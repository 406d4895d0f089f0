"""Flow runs whose process is gone: told as crashed, so that nobody waits for them.

Prefect's runner sees a process of its own die. Where the runner went with it (out of memory, a
power cut, `kill -9` of all), a run stays Running for ever and holds its place. On SQLite, where all
jobs run on the server's own host, every such run is found; beside Postgres, where others run jobs
too, only those that say they were of this host (Prefect's heartbeats find the others:
`deployments/heartbeats.py`).
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tasks.process import PID, is_alive, is_here

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

STARTING_S = 60
"""Seconds that a run has to start a process and say which one it is."""


def end_orphans(*, at: datetime | None = None) -> list[str]:
    """Set every run of this host whose process is gone to Crashed; return their names."""
    from prefect.client.orchestration import get_client
    from prefect.states import Crashed

    at = at or datetime.now(UTC)
    ended = []
    with get_client(sync_client=True) as client:
        for run in list(_unfinished(client)):  # all first: a run that is ended leaves its page
            why = _why_orphaned(run, at=at)
            if not why:
                continue
            message = f"{why}: killed, out of memory or cut off; run the job again, it goes on"
            client.set_flow_run_state(run.id, Crashed(message=message), force=True)
            ended.append(run.name)
    return ended


def _unfinished(client: "SyncPrefectClient") -> Iterator["FlowRun"]:
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType

    states = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    wanted = filters.FlowRunFilter(
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=states)),
        parent_task_run_id=filters.FlowRunFilterParentTaskRunId(is_null_=True),
    )
    page, size = 0, 200
    while found := client.read_flow_runs(flow_run_filter=wanted, limit=size, offset=page * size):
        yield from found
        page += 1


def _why_orphaned(run: "FlowRun", *, at: datetime) -> str:
    """Return why nobody works on a run any more; empty: somebody does, or may."""
    if is_here(run.labels):
        return "" if is_alive(run.labels) else f"its process {run.labels[PID]} is gone"
    if PID in run.labels or run.deployment_id is None or several_hosts():
        return ""  # of another host, or started by hand
    state = run.state
    if state is None or at - state.timestamp < timedelta(seconds=STARTING_S):
        return ""
    return "" if _has_process(run) else "no process was started for it"


def _has_process(run: "FlowRun") -> bool:
    """Return whether a process of this host was started for a run, though it has not said so."""
    import psutil

    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT__FLOW_RUN_ID") == str(run.id):
                return True
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return False


def several_hosts() -> bool:
    """Return whether the server's database is one that several hosts share."""
    url = os.environ.get("PREFECT_SERVER_DATABASE_CONNECTION_URL") or os.environ.get(
        "PREFECT_API_DATABASE_CONNECTION_URL", ""
    )
    return url.startswith("postgresql")
