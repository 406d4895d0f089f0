"""Absence is an alarm, too: nights that were due and did not run, or whose forecasts do not stand.

`tidewatch status` shows what `watch_once` finds; whoever runs for long (`tidewatch up`) calls it
every few minutes, and gives what it finds to `tell_absences`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from deployments.due import Due, find_due
from deployments.jobs import Job, read_jobs
from deployments.prefect_runs import SeenRun, open_prefect, read_deployed, read_runs_due
from deployments.servers import Server, find_prefect
from pipelines_lib.alerts import ABSENT, Alert
from pipelines_lib.settings import Settings

if TYPE_CHECKING:
    from pipelines_lib.forecasting.nights import Night
    from pipelines_lib.lake import Lake

WRITTEN_BY = timedelta(minutes=10)
"""A night is noted before its forecasts are merged; by then they are."""


@dataclass(frozen=True)
class Absence:
    """A night that is not there."""

    due: Due
    sentences: tuple[str, ...]
    """What is missing, one sentence each."""

    @property
    def subject(self) -> str:
        """Return which night it is, the same however often it is found."""
        return f"{self.due.job}/{self.due.at.isoformat()}"

    @property
    def title(self) -> str:
        """Return one line that says which night."""
        return f"{self.due.job}: the run due {self.due.shown} is absent"

    @property
    def remedy(self) -> str:
        """Return what brings it back."""
        return f"tidewatch run {self.due.job}"


def watch_once(settings: Settings, *, at: datetime, server: Server | None = None) -> list[Absence]:
    """Return every night that is absent at a moment; empty: all that was due is there.

    A run is due by its cron, in its zone, on sessions of its exchange; it must have ended well
    TIDEWATCH_NIGHT_GRACE_MINUTES later, and a night's forecasts must stand in the lake. Nothing is
    expected of a job before it was deployed, nor while it is paused. Without Prefect's server the
    lake alone tells: of jobs that have brought something new on at least two nights.

    Args:
        settings: Home folder, lake, grace.
        at: Now, with a time zone.
        server: Prefect's, where the caller has found it already.

    Raises:
        ConfigError: A job cannot be read.
        LakeError: A table cannot be read.
        httpx.HTTPError: Prefect's server answers no more.
    """
    from pipelines_lib.lake import Lake

    lake, server = Lake(settings.lake_location), server or find_prefect(settings)
    until = at - timedelta(minutes=settings.night_grace_minutes)
    jobs = [job for job in read_jobs().values() if job.schedules]
    if not server.up:
        dues = (_due_by_lake(lake, job, until) for job in jobs)
        return _judged(dues, partial(_judge_lake, lake, at=at))
    with open_prefect(server.address) as client:
        deployed = read_deployed(client)
        awaited = [job for job in jobs if job.name in deployed and not deployed[job.name].paused]

        def judge(due: Due) -> list[str]:
            seen = deployed[due.job]
            if seen.created and seen.created > due.at:
                return []
            return _judge_runs(lake, due, read_runs_due(client, seen, due.at, at), at=at)

        return _judged((find_due(job, until=until) for job in awaited), judge)


def _judged(dues: Iterable[Due | None], judge: Callable[[Due], Sequence[str]]) -> list[Absence]:
    found = ((due, tuple(judge(due))) for due in dues if due is not None)
    return [Absence(due, sentences) for due, sentences in found if sentences]


def tell_absences(lake: "Lake", absences: Sequence[Absence], *, at: datetime) -> int:
    """Tell people of absent nights, each once, and count those told now.

    A job that works on no dataset is told of under the lake's own name.
    """
    from pipelines_lib.lake.place import ROOT
    from tasks.alerts import raise_alerts

    of_dataset: dict[str, list[Alert]] = {}
    for absence in absences:
        text = "\n".join((*absence.sentences, f"Then: {absence.remedy}"))
        alert = Alert(ABSENT, absence.subject, absence.title, text)
        of_dataset.setdefault(absence.due.dataset or ROOT, []).append(alert)
    return sum(raise_alerts(lake, name, alerts, at=at) for name, alerts in of_dataset.items())


def tell_left_over(lake: "Lake", *, at: datetime) -> int:
    """Tell what runs have noted and could not tell: they were killed, or the server was away.

    A run that still works is spared the telling of what it has noted so far.
    """
    from pipelines_lib.lake import list_datasets
    from tasks.alerts import tell_alerts

    return sum(tell_alerts(lake, name, at=at) for name in list_datasets(lake))


def _judge_runs(lake: "Lake", due: Due, runs: Sequence[SeenRun], *, at: datetime) -> list[str]:
    """Say what is absent of a job that Prefect knows."""
    nights = _nights(lake, due, at)
    if not any(run.did_its_work for run in runs) and not _brought(nights, due):
        return [_run_sentence(runs)]
    return _absent_forecasts(lake, due, nights)


def _due_by_lake(lake: "Lake", job: Job, until: datetime) -> Due | None:
    """Return when a job was due whose dataset has had nights by schedule; None: it has had none.

    Of other jobs the lake tells nothing.
    """
    from pipelines_lib.forecasting.nights import SCHEDULE, read_nights

    given = job.parameters.get("dataset")
    if not isinstance(given, dict) or not given.get("name"):
        return None
    nights = read_nights(lake, given["name"])
    if not any(night.started_by == SCHEDULE for night in nights):
        return None
    return find_due(job, until=until)


def _judge_lake(lake: "Lake", due: Due, *, at: datetime) -> list[str]:
    """Say what is absent of a job as far as the lake tells."""
    from pipelines_lib.forecasting.nights import SCHEDULE

    nights = _nights(lake, due, at)
    moves = sum(night.started_by == SCHEDULE for night in nights) > 1
    if moves and not _brought(nights, due):
        return [
            f"its newest night in the lake is of {_step(nights[-1].time)}, and there was a newer "
            f"step to bring, {_step(due.newest)}"
        ]
    return _absent_forecasts(lake, due, nights)


def _nights(lake: "Lake", due: Due, at: datetime) -> list["Night"]:
    """Return the nights of a job's dataset.

    One that is being written at this moment is left out where an earlier one will do.
    """
    from pipelines_lib.forecasting.nights import read_nights

    nights = read_nights(lake, due.dataset) if due.forecasts else []
    written = [night for night in nights if at - night.at > WRITTEN_BY]
    return written if _brought(written, due) else nights


def _brought(nights: Sequence["Night"], due: Due) -> bool:
    """Return whether a night has brought what was new when the job was due, whoever ran it."""
    return bool(nights) and due.before is not None and nights[-1].time > due.before


def _absent_forecasts(lake: "Lake", due: Due, nights: Sequence["Night"]) -> list[str]:
    """Read the forecasts of the night back.

    A night that has brought something new says from which step it forecast. Else the newest step
    that is stored, and was final when the job was due, is the one: a source may stand still.
    """
    from pipelines_lib.forecasting.presence import find_absent_forecasts
    from pipelines_lib.tables import observations_table

    declared = due.declared
    if not due.forecasts or declared is None or due.newest is None:
        return []
    if _brought(nights, due):
        night = nights[-1]
        return find_absent_forecasts(lake, declared.name, origin=night.time, night=night)
    stored = lake.last_times(declared.name, observations_table(declared.columns), equal={})
    if len(stored) == 0:
        return ["its run ended well, and its dataset has no row in the lake"]
    origin = min(stored.max().to_pydatetime(), due.newest)
    of_step = [night for night in nights if night.time == origin]
    return find_absent_forecasts(
        lake, declared.name, origin=origin, night=of_step[-1] if of_step else None
    )


def _run_sentence(runs: Sequence[SeenRun]) -> str:
    if not runs:
        return "Prefect has no run of it from then on: was its server away, or the job not served?"
    run = runs[0]
    told = f": {run.message}" if run.message else ""
    match run.kind:
        case "SCHEDULED":
            return f"its run {run.name} was never started: does `tidewatch up` (or serve) run?"
        case "RUNNING" | "PENDING" | "CANCELLING":
            return f"its run {run.name} has not ended yet ({run.state})"
        case _:
            return f"its run {run.name} ended as {run.state}{told}"


def _step(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC".replace(" 00:00 UTC", "") if time else "none"
