"""Jobs that follow an event instead of the clock: what their `triggers` say, checked and in words.

The form is Prefect's own, of which one kind is taken:

    triggers:
      - expect: [tidewatch.ingest.committed]
        match: {prefect.resource.id: tidewatch.dataset.krx-live}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines_lib.alerts import COMMITTED, KINDS
from pipelines_lib.config.base import DATASET_PATTERN
from pipelines_lib.errors import ConfigError, shown

if TYPE_CHECKING:
    from deployments.jobs import Job

EVENTS, RESOURCE = "tidewatch.", "tidewatch.dataset."
KEYS = ("type", "expect", "match")
EXAMPLE = (
    "write it as {expect: [tidewatch.ingest.committed], "
    "match: {prefect.resource.id: tidewatch.dataset.NAME}}"
)


@dataclass(frozen=True)
class DataTrigger:
    """A job starts when something is told of a dataset."""

    kinds: tuple[str, ...]
    """As in `pipelines_lib.alerts.KINDS`."""
    dataset: str

    @property
    def words(self) -> str:
        """Return when the job runs."""
        said = [
            f"after new rows of {self.dataset}"
            if kind == COMMITTED
            else f"on {EVENTS}{kind} of {self.dataset}"
            for kind in self.kinds
        ]
        return " or ".join(said)


def read_triggers(job: str, listed: Any) -> tuple[DataTrigger, ...]:
    """Return what the `triggers` of an entry say.

    Raises:
        ConfigError: They say something that would start the job never, or always.
    """
    if not isinstance(listed, list | None):
        raise ConfigError(f"job {job}: triggers is {listed!r}, not a list: {EXAMPLE}")
    return tuple(_read(job, entry) for entry in listed or ())


def _read(job: str, entry: Any) -> DataTrigger:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"job {job}: the trigger {entry!r} is no mapping: {EXAMPLE}")
    unknown = sorted(set(map(str, entry)) - set(KEYS))
    if unknown or entry.get("type", "event") != "event":
        what = f"has {shown(unknown)}" if unknown else f"has type {entry['type']!r}"
        raise ConfigError(f"job {job}: a trigger {what}, which is not known: {EXAMPLE}")
    expect = entry.get("expect")
    names = [expect] if isinstance(expect, str) else expect
    if not isinstance(names, list) or not names:
        raise ConfigError(f"job {job}: a trigger expects {expect!r}, no event: {EXAMPLE}")
    for name in names:
        if str(name).removeprefix(EVENTS) not in KINDS or not str(name).startswith(EVENTS):
            known = ", ".join(EVENTS + kind for kind in KINDS)
            raise ConfigError(f"job {job}: a trigger expects {name!r}: the events are {known}")
    match = entry.get("match")
    where = match.get("prefect.resource.id") if isinstance(match, Mapping) else None
    wrong = not isinstance(where, str) or not where.startswith(RESOURCE) or len(match or ()) > 1
    dataset = "" if wrong else str(where).removeprefix(RESOURCE)
    if not re.match(DATASET_PATTERN, dataset):
        raise ConfigError(
            f"job {job}: a trigger matches {match!r}, which names no dataset: {EXAMPLE}"
        )
    return DataTrigger(tuple(str(name).removeprefix(EVENTS) for name in names), dataset)


def check_followed(jobs: Mapping[str, "Job"]) -> None:
    """Refuse a job that waits for rows which no job announces.

    Raises:
        ConfigError: No job with the flow `ingest` has the dataset, or the job would start itself.
    """
    announced = {_ingested(job) for job in jobs.values()}
    for job in jobs.values():
        for trigger in job.triggers:
            if COMMITTED not in trigger.kinds:
                continue
            if trigger.dataset not in announced:
                raise ConfigError(
                    f"job {job.name} waits for new rows of {trigger.dataset}, and no job of "
                    "flows/ingest.py:ingest brings them: correct the name, or add that job"
                )
            if _ingested(job) == trigger.dataset:
                raise ConfigError(
                    f"job {job.name} ingests {trigger.dataset} and waits for its new rows: it "
                    "would start itself; take the trigger away"
                )


def _ingested(job: "Job") -> str:
    """Return the dataset whose new rows a job announces; empty: none."""
    dataset = job.parameters.get("dataset")
    announces = job.flow_name == "ingest" and isinstance(dataset, Mapping)
    return str(dataset.get("name", "")) if announces else ""  # type: ignore[union-attr]


def prefect_triggers(job: "Job") -> list[Any]:
    """Return a job's triggers as Prefect takes them."""
    from prefect.events import DeploymentEventTrigger

    return [
        DeploymentEventTrigger(
            name=f"{job.name} {trigger.words}",
            description=f"Starts the job {job.name} {trigger.words}.",
            expect={EVENTS + kind for kind in trigger.kinds},
            match={"prefect.resource.id": RESOURCE + trigger.dataset},
        )
        for trigger in job.triggers
    ]
