"""Whether a scheduled run has anything to do: not on holidays, and once after an outage."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipelines_lib.config import DatasetConfig

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

DONE = "Completed"
"""Name of the state of a run that did all of its work: not Partial, not Skipped."""


def reason_to_skip(run: "FlowRun | None", dataset: DatasetConfig | None) -> str:
    """Return why a run has nothing to do; empty: it has, or a person started it.

    Of several runs of a job that are due, as after an outage, the newest does the work of all. Of a
    dataset whose steps are sessions, a run has nothing to do if none has closed since the last
    scheduled run that did all of its work: on a holiday.

    Args:
        run: The flow run; None: there is none that a server knows.
        dataset: What it is about; None: sessions do not matter to it.
    """
    from prefect.client.orchestration import get_client

    if run is None or not run.auto_scheduled or run.deployment_id is None:
        return ""
    with get_client(sync_client=True) as client:
        newer = _newer_due(client, run)
        if newer is not None:
            return f"the run due at {_shown(newer, dataset)} does its work: a missed one runs once"
        return _nothing_closed(client, run, dataset) if dataset is not None else ""


def _newer_due(client: "SyncPrefectClient", run: "FlowRun") -> datetime | None:
    """Return when the newest later run of this schedule was due that has not ended; None: none."""
    others = _scheduled_runs(
        client,
        run,
        states=["SCHEDULED", "PENDING", "RUNNING"],
        after=_due(run),
        before=datetime.now(UTC),
    )
    due = [_due(other) for other in others if other.id != run.id and _due(other) > _due(run)]
    return max(due, default=None)


def _nothing_closed(client: "SyncPrefectClient", run: "FlowRun", dataset: DatasetConfig) -> str:
    from pipelines_lib.series.calendar import final_since, make_calendar

    calendar = make_calendar(dataset)
    newest = final_since(dataset, calendar, _due(run))
    if newest is None:
        return ""
    since, session = newest
    done = _scheduled_runs(client, run, states=["COMPLETED"], after=since, before=_due(run))
    done = [other for other in done if other.id != run.id and other.state_name == DONE]
    if not done:
        return ""
    last = max(_due(other) for other in done)
    day = _due(run).astimezone(ZoneInfo(calendar.zone))
    return (
        f"no session of {dataset.calendar} has closed since the run of {_shown(last, dataset)}: "
        f"the newest is that of {session:%Y-%m-%d}, and this run was due on "
        f"{day:%A, %Y-%m-%d %H:%M}"
    )


def _scheduled_runs(
    client: "SyncPrefectClient",
    run: "FlowRun",
    *,
    states: list[str],
    after: datetime,
    before: datetime,
) -> list["FlowRun"]:
    """Return the runs that this run's schedules made, due between two times, both inclusive."""
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType

    assert run.deployment_id is not None
    found = client.read_flow_runs(
        flow_run_filter=filters.FlowRunFilter(
            deployment_id=filters.FlowRunFilterDeploymentId(any_=[run.deployment_id]),
            state=filters.FlowRunFilterState(
                type=filters.FlowRunFilterStateType(any_=[StateType(state) for state in states])
            ),
            expected_start_time=filters.FlowRunFilterExpectedStartTime(
                after_=after, before_=before
            ),
        ),
        limit=200,
    )
    return [other for other in found if other.auto_scheduled]


def _due(run: "FlowRun") -> datetime:
    due = run.expected_start_time
    assert due is not None, "a scheduled run knows when it was due"
    return due


def _shown(moment: datetime, dataset: DatasetConfig | None) -> str:
    from pipelines_lib.series.calendar import make_calendar

    zone = make_calendar(dataset).zone if dataset is not None else "UTC"
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
