"""Alarms judged step by step."""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.judging.flags import as_flags, harmonic_mean, ranges_of, ratio
from pipelines_lib.errors import SeriesError


@dataclass(frozen=True)
class PointJudgement:
    """What alarms are worth step by step; a ratio over nothing is 0.

    `inflated_point_adjusted_f1` counts a whole true range as found by its first alarm. Random
    alarms reach high values of it (Kim et al., AAAI 2022): it stands here only for comparison with
    papers, never without `f1` beside it.
    """

    precision: float
    recall: float
    f1: float
    false_alarms_per_1000: float
    inflated_point_adjusted_f1: float


def judge_points(alarms: np.ndarray, labels: np.ndarray) -> PointJudgement:
    """Judge alarms (n,) beside labels (n,), both one flag a step.

    A false alarm is an alarmed step without a label; its rate is per 1,000 steps of the series.

    Raises:
        SeriesError: Lengths differ, or flags are neither booleans nor 0 and 1.
    """
    alarms, labels = as_flags(alarms, "alarms"), as_flags(labels, "labels")
    if len(alarms) != len(labels):
        raise SeriesError(f"{len(alarms)} alarms for {len(labels)} labels; pass one of each a step")
    precision, recall = _precision_recall(alarms, labels)
    adjusted = _precision_recall(_whole_ranges(alarms, labels), labels)
    return PointJudgement(
        precision=precision,
        recall=recall,
        f1=harmonic_mean(precision, recall),
        false_alarms_per_1000=ratio(1000 * (alarms & ~labels).sum(), len(labels)),
        inflated_point_adjusted_f1=harmonic_mean(*adjusted),
    )


def _precision_recall(alarms: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    hits = (alarms & labels).sum()
    return ratio(hits, alarms.sum()), ratio(hits, labels.sum())


def _whole_ranges(alarms: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the alarms, extended over every true range that holds one."""
    start, end = ranges_of(labels).T
    before = np.concatenate([[0], np.cumsum(alarms)])
    found = before[end + 1] > before[start]
    edges = np.zeros(len(labels) + 1, dtype=np.int64)
    edges[start[found]] += 1
    edges[end[found] + 1] -= 1
    return alarms | (np.cumsum(edges)[:-1] > 0)
