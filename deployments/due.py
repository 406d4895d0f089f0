"""When a scheduled job was last due, by its cron, its zone and the sessions of its exchange."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from deployments.jobs import Job
from pipelines_lib.config import DatasetConfig
from pipelines_lib.config.overrides import explain
from pipelines_lib.errors import ConfigError

if TYPE_CHECKING:
    from prefect.server.schemas.schedules import CronSchedule

    from pipelines_lib.series.calendar import Calendar

LOOK_BACK = tuple(timedelta(hours=hours) for hours in (2, 36, 24 * 9, 24 * 40, 24 * 400))
"""How far back the newest time is looked for, the shorter the sooner."""


@dataclass(frozen=True)
class Due:
    """The newest time at which a job was due."""

    job: str
    dataset: str
    """Name of the dataset that it works on; empty: none."""
    at: datetime
    """In the schedule's zone."""
    zone: str
    declared: DatasetConfig | None = None
    """What it ingests; None: the job ingests nothing."""
    forecasts: bool = False
    """Whether its runs leave forecasts."""
    newest: datetime | None = None
    """Newest step that was final then, UTC; None: it ingests nothing, or nothing was final."""
    before: datetime | None = None
    """Newest step that was final when it was due the time before, UTC."""

    @property
    def shown(self) -> str:
        """Return the time as people of its zone write it."""
        return f"{self.at:%a %Y-%m-%d %H:%M} {self.zone}"


def find_due(job: Job, *, until: datetime) -> Due | None:
    """Return when a job was last due, at or before a moment; None: it has not been, for a year.

    A job that ingests sessions of an exchange is due only where one has become final since the
    time before: not on a holiday.

    Raises:
        ConfigError: A schedule or a declaration cannot be read.
    """
    schedules, given = _schedules(job), job.parameters.get("dataset") or ""
    declared = _declaration(job, given) if isinstance(given, dict) else None
    dataset = declared.name if declared else str(given)
    calendar = _calendar(declared, until)
    for span in LOOK_BACK:
        fired = _fired(schedules, until - span, until)
        for (earlier, _), (at, zone) in reversed(list(pairwise(fired))):
            if declared is None or calendar is None:
                return Due(job.name, dataset, at, zone)
            before, newest = (_final_step(declared, calendar, time) for time in (earlier, at))
            if calendar.sessions is None or newest != before:
                forecasts = job.flow_name == "nightly" and job.parameters.get("forecast", True)
                return Due(job.name, dataset, at, zone, declared, bool(forecasts), newest, before)
    return None


def _schedules(job: Job) -> list["CronSchedule"]:
    """Return a job's schedules as Prefect's scheduler reads them: what it plans is what is due."""
    from prefect.server.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        return [
            CronSchedule(cron=s["cron"], timezone=s.get("timezone") or "UTC") for s in job.schedules
        ]
    except (ValidationError, KeyError, TypeError) as error:
        why = explain(error) if isinstance(error, ValidationError) else f"{error!r}"
        raise ConfigError(
            f"job {job.name} has a schedule that cannot be read: {why}; write it as "
            "{cron: '30 18 * * 1-5', timezone: Asia/Seoul}"
        ) from error


def _fired(
    schedules: list["CronSchedule"], start: datetime, end: datetime
) -> list[tuple[datetime, str]]:
    """Return when any of the schedules was due between two times, both inclusive, with its zone."""
    times: dict[datetime, tuple[datetime, str]] = {}
    for schedule in schedules:
        zone, begin = schedule.timezone or "UTC", start
        while found := asyncio.run(schedule.get_dates(start=begin, end=end)):  # 1,000 at most
            for time in found:
                moment = datetime.fromtimestamp(time.timestamp(), UTC)
                times[moment] = (moment.astimezone(ZoneInfo(zone)), zone)
            begin = found[-1] + timedelta(seconds=1)
    return [times[moment] for moment in sorted(times)]


def _declaration(job: Job, given: dict[str, object]) -> DatasetConfig:
    from pydantic import ValidationError

    try:
        return DatasetConfig.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"job {job.name}: dataset: {explain(error)}") from error


def _calendar(declared: DatasetConfig | None, until: datetime) -> "Calendar | None":
    from pipelines_lib.series.calendar import make_calendar

    if declared is None or not declared.has_series:
        return None
    return make_calendar(declared, since=f"{until.year - 2}-01-01")


def _final_step(declared: DatasetConfig, calendar: "Calendar", moment: datetime) -> datetime | None:
    import numpy as np
    import pandas as pd

    from pipelines_lib.series.calendar import last_final_position

    position = last_final_position(declared, calendar, moment)
    if position < 0:
        return None
    return pd.Timestamp(calendar.times(np.array([position]))[0], tz="UTC").to_pydatetime()
