"""Judging: what scores and alarms are worth beside labelled ranges of steps."""

from pipelines_lib.anomaly.judging.vus import Volumes, vus
from pipelines_lib.anomaly.judging.width import find_width

__all__ = ["Volumes", "find_width", "vus"]
