"""Judging: what scores and alarms are worth beside labelled ranges of steps."""

from pipelines_lib.anomaly.judging.affiliation import Affiliation, judge_affiliation
from pipelines_lib.anomaly.judging.bootstrap import BootstrapDifference, paired_bootstrap
from pipelines_lib.anomaly.judging.events import EventJudgement, judge_events, pool_events
from pipelines_lib.anomaly.judging.flags import ranges_of
from pipelines_lib.anomaly.judging.nab import NabFile, nab_scores, probation_rows
from pipelines_lib.anomaly.judging.points import PointJudgement, judge_points
from pipelines_lib.anomaly.judging.ranges import RangeJudgement, judge_ranges
from pipelines_lib.anomaly.judging.vus import Volumes, vus
from pipelines_lib.anomaly.judging.width import find_width

__all__ = [
    "Affiliation",
    "BootstrapDifference",
    "EventJudgement",
    "NabFile",
    "PointJudgement",
    "RangeJudgement",
    "Volumes",
    "find_width",
    "judge_affiliation",
    "judge_events",
    "judge_points",
    "judge_ranges",
    "nab_scores",
    "paired_bootstrap",
    "pool_events",
    "probation_rows",
    "ranges_of",
    "vus",
]
