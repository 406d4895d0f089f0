"""The champions at a glance: which version is at work, since when, and what it is worth."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines_lib.tracking.registry import CHAMPION
from pipelines_lib.tracking.tracker import Tracker


@dataclass(frozen=True)
class Champion:
    """The version of a model that is at work."""

    name: str
    version: str
    run_id: str
    since: datetime
    """When the version was registered, UTC."""
    skill_pct: float | None
    """1 - error / baseline's error on the same rows, in percent; None: the run has none."""


def list_champions(tracker: Tracker) -> list[Champion]:
    """Return the champion of every registered model that has one, by name."""
    champions = []
    for model in tracker.client.search_registered_models(order_by=["name ASC"]):
        if CHAMPION not in model.aliases:
            continue
        version = tracker.client.get_model_version(model.name, str(model.aliases[CHAMPION]))
        metrics = tracker.client.get_run(str(version.run_id)).data.metrics
        champions.append(
            Champion(
                model.name,
                str(version.version),
                str(version.run_id),
                datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
                metrics.get("skill_pct"),
            )
        )
    return champions
