"""MLflow, and nothing else here imports it: runs, the registry, promotion."""

from pipelines_lib.tracking.champions import Champion, list_champions
from pipelines_lib.tracking.promotion import Decision, decide_promotion
from pipelines_lib.tracking.registry import (
    Registered,
    classifier_name,
    detector_name,
    find_champion,
    forecaster_name,
    list_models,
    load_champion,
    read_figures,
    read_metrics,
    register_bundle,
)
from pipelines_lib.tracking.tracker import Run, Tracker

__all__ = [
    "Champion",
    "Decision",
    "Registered",
    "Run",
    "Tracker",
    "classifier_name",
    "decide_promotion",
    "detector_name",
    "find_champion",
    "forecaster_name",
    "list_champions",
    "list_models",
    "load_champion",
    "read_figures",
    "read_metrics",
    "register_bundle",
]
