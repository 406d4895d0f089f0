"""How everything goes: servers, jobs, lake, champions, and what is absent. It computes nothing."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from deployments.jobs import Job, read_jobs
from deployments.prefect_runs import (
    SeenJob,
    SeenRun,
    open_prefect,
    read_deployed,
    read_last_run,
    read_next_run,
)
from deployments.servers import Server, find_mlflow, find_prefect
from deployments.watch import Absence, watch_once
from pipelines_lib.errors import TidewatchError, shown
from pipelines_lib.settings import Settings

if TYPE_CHECKING:
    from pipelines_lib.lake import Lake
    from pipelines_lib.tracking import Champion

Found = TypeVar("Found")

HURRY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
"""Whoever asks how things go waits for no server."""

LONGEST_S = 20
"""Seconds that all questions about jobs may take together."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what to do about it."""

    text: str
    remedy: str


@dataclass(frozen=True)
class JobLine:
    """A job: when it runs next, and how it ran last."""

    job: str
    zone: str
    schedule: str
    deployed: bool
    paused: bool = False
    next: datetime | None = None
    last: SeenRun | None = None


@dataclass(frozen=True)
class DatasetLine:
    """A dataset as it lies in the lake."""

    dataset: str
    newest: str
    """Its newest step, as people write it; empty: it has no row."""
    live: int
    dead: int
    quarantined: int
    """Rows and documents in quarantine."""
    n_bytes: int | None
    """Bytes on disk; None: the lake is no folder of this machine."""


@dataclass
class Status:
    """How everything goes at a moment."""

    at: datetime
    servers: list[Server] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    jobs: list[JobLine] = field(default_factory=list)
    datasets: list[DatasetLine] = field(default_factory=list)
    champions: "list[Champion]" = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Return whether there is no problem: an absence and a missing server are some."""
        return not self.problems


def gather_status(settings: Settings, *, at: datetime) -> Status:
    """Look at everything once, at a moment with a time zone.

    Every request has a deadline of a few seconds, and what cannot be looked at is a problem of its
    own; the rest is shown all the same.
    """
    prefect, mlflow = find_prefect(settings), find_mlflow(settings)
    status = Status(at, servers=[prefect, mlflow])
    for server in status.servers:
        if server.missing:
            status.problems.append(_missing(server))
    jobs: dict[str, Job] = _try(status, "jobs", lambda: read_jobs(), {})
    asked = prefect if prefect.up and _look_at_jobs(status, jobs, prefect) else None
    if asked is None:
        prefect = Server(prefect.name, prefect.address, False, prefect.wanted_by)
        status.jobs = [_job_line(job) for job in jobs.values() if job.schedules]
        status.notes.append(
            "Prefect's server tells nothing, so the lake alone says which nights are absent: of "
            "jobs that brought something new on at least two nights. `tidewatch up` starts it."
        )
    status.absences = _try(
        status, "nights", lambda: watch_once(settings, at=at, server=prefect), []
    )
    status.problems[:0] = [
        Problem(f"{absence.title}: {'; '.join(absence.sentences)}", absence.remedy)
        for absence in status.absences
    ]
    status.datasets = _try(status, "lake", lambda: _read_datasets(settings), [])
    if not mlflow.missing:
        status.champions = _try(status, "MLflow", lambda: _read_champions(settings), [])
    return status


def _missing(server: Server) -> Problem:
    return Problem(
        f"{server.name} does not answer at {server.address} ({server.wanted_by})",
        "tidewatch up starts it; a server of your own: see its log",
    )


def _try(status: Status, what: str, look: Callable[[], Found], otherwise: Found) -> Found:
    """Return what is found; where that fails, the failure is a problem."""
    try:
        return look()
    except TidewatchError as error:
        status.problems.append(Problem(f"{what}: {_line(error)}", "tidewatch doctor"))
    except Exception as error:  # of many kinds: libraries have their own
        status.problems.append(
            Problem(f"{what}: {type(error).__name__}: {_line(error)}", "tidewatch doctor")
        )
    return otherwise


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _look_at_jobs(status: Status, jobs: dict[str, Job], server: Server) -> bool:
    """Add a line for each job that Prefect schedules or has run; return whether it answered."""
    began = time.monotonic()

    def look() -> bool:
        with open_prefect(server.address) as client:
            deployed = read_deployed(client)
            for name, job in jobs.items():
                if time.monotonic() - began > LONGEST_S:
                    raise TimeoutError(f"it is too busy: {LONGEST_S} s were not enough")
                seen = deployed.get(name)
                last = read_last_run(client, seen) if seen else None
                if job.schedules and seen:
                    status.jobs.append(_job_line(job, seen, last, read_next_run(client, seen)))
                elif job.schedules or last:
                    status.jobs.append(_job_line(job, seen, last))
        waiting = [job.name for job in jobs.values() if job.schedules and job.name not in deployed]
        if waiting:
            status.notes.append(
                f"{len(waiting)} jobs have a schedule and are not deployed: {shown(waiting)}. "
                "`tidewatch up` (or serve) deploys them; until then nothing is expected of them."
            )
        return True

    return _try(status, f"Prefect at {server.address}", look, False)


def _job_line(
    job: Job,
    seen: SeenJob | None = None,
    last: SeenRun | None = None,
    next_run: datetime | None = None,
) -> JobLine:
    zone = str(job.schedules[0].get("timezone") or "UTC") if job.schedules else "UTC"
    paused = bool(seen and job.schedules and seen.paused)
    return JobLine(job.name, zone, job.when, seen is not None, paused, next_run, last)


def _read_datasets(settings: Settings) -> list[DatasetLine]:
    from pipelines_lib.lake import Lake, list_datasets

    lake = Lake(settings.lake_location)
    return [_dataset_line(lake, name) for name in list_datasets(lake)]


def _dataset_line(lake: "Lake", name: str) -> DatasetLine:
    from pipelines_lib.ingestion.states import DEAD, read_states
    from pipelines_lib.lake import read_dataset
    from pipelines_lib.tables import (
        DOCUMENT_QUARANTINE,
        DOCUMENTS,
        QUARANTINE,
        observations_table,
    )

    declared = read_dataset(lake, name)
    states = [state.state for state in read_states(lake, name).values()]
    table, by = observations_table(declared.columns), "series_id"
    if not declared.has_series:
        table, by = DOCUMENTS, "document_id"
    newest = lake.last_times(name, table, by=by, equal={}).max()
    held = sum(
        int(lake.count_rows(name, table, by="rule").sum())
        for table in (QUARANTINE, DOCUMENT_QUARANTINE)
    )
    dead = states.count(DEAD)
    shown_time = "" if newest != newest else f"{newest:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    return DatasetLine(
        name, shown_time, len(states) - dead, dead, held, _size(Path(lake.uri) / name)
    )


def _size(folder: Path) -> int | None:
    if not folder.is_dir():
        return None
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _read_champions(settings: Settings) -> "list[Champion]":
    location = settings.mlflow_location
    if location.startswith("sqlite:") and not Path(location.removeprefix("sqlite:///")).exists():
        return []  # nothing was ever trained; to ask would make the database
    from pipelines_lib.tracking import Tracker, list_champions

    with _hurry():
        return list_champions(Tracker(settings))


@contextmanager
def _hurry() -> Iterator[None]:
    before: dict[str, Any] = {name: os.environ.get(name) for name in HURRY}
    os.environ.update(HURRY)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
