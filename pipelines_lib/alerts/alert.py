"""One thing that people are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ANOMALY, PARTIAL, PROMOTED = "anomaly.opened", "ingest.partial", "model.promoted"
ABSENT, COMMITTED = "night.absent", "ingest.committed"

KINDS = {
    ANOMALY: "an event that is not quiet began, or reached what is new",
    PARTIAL: "an ingest went on past series or files that gave nothing",
    PROMOTED: "a model became champion",
    ABSENT: "a night that was due did not run, or left no forecasts",
    COMMITTED: "an ingest stored a new version of the observations; jobs follow it",
}
"""What can be told, by the end of its Prefect event's name, `tidewatch.KIND`."""


@dataclass(frozen=True)
class Alert:
    """One thing that people are told once: there is one alert of a kind and subject."""

    kind: str
    """One of `KINDS`."""
    subject: str
    """What it is about: the id of an event, a model's version, a night."""
    title: str
    """One line that says enough for whoever reads no further."""
    text: str
    """The rest, in sentences."""
    weight: float = 0.0
    """Of many of a kind, the heaviest are told by themselves, the others in one summary."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Ids and numbers that the event carries, such as `mlflow_run_id`."""
