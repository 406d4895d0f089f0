"""Range-based precision and recall: Tatbul et al., "Precision and Recall for Time Series", 2018.

A true range is worth alpha if any of it is predicted, and 1 - alpha times the predicted share of
it; the share is weighed by position and divided by the number of predicted ranges that it fell to.
Precision is the same the other way round, without the reward for existence. With a flat bias and
alpha 0.2 this is the R-based F1 of TSB-AD.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines_lib.anomaly.judging.flags import as_ranges, harmonic_mean, overlapping
from pipelines_lib.errors import SeriesError

Bias = Literal["flat", "front", "middle", "back"]


@dataclass(frozen=True)
class RangeJudgement:
    """Range-based figures of one series, each in 0..1, 0 where there is nothing to average."""

    precision: float
    recall: float
    f1: float


def judge_ranges(
    predicted: np.ndarray,
    true: np.ndarray,
    *,
    n_steps: int,
    alpha: float = 0.2,
    bias: Bias = "flat",
) -> RangeJudgement:
    """Judge predicted ranges beside true ones.

    Args:
        predicted: Flags (n_steps,) or ranges (k, 2), inclusive.
        true: The same of the truth.
        n_steps: Length of the series.
        alpha: Weight in 0..1 of finding any part of a true range; the rest is for how much of it.
        bias: Which part of a true range weighs most in recall; precision is always flat, since
            where a false step lies within a predicted range says nothing.

    Raises:
        SeriesError: Ranges are out of order or beyond the series, or alpha is not in 0..1.
    """
    if not 0 <= alpha <= 1:
        raise SeriesError(f"alpha {alpha} is not in 0..1; pass the weight of existence")
    predicted = as_ranges(predicted, "predicted ranges", n_steps=n_steps)
    true = as_ranges(true, "true ranges", n_steps=n_steps)
    recall = _mean_reward(true, predicted, alpha=alpha, bias=bias)
    precision = _mean_reward(predicted, true, alpha=0, bias="flat")
    return RangeJudgement(precision, recall, harmonic_mean(precision, recall))


def _mean_reward(ranges: np.ndarray, others: np.ndarray, *, alpha: float, bias: Bias) -> float:
    """Return the mean reward of ranges for what the others cover of them."""
    if not len(ranges):
        return 0.0
    row, other = overlapping(ranges, others)
    length = ranges[:, 1] - ranges[:, 0] + 1
    begin = np.maximum(ranges[row, 0], others[other, 0]) - ranges[row, 0]
    end = np.minimum(ranges[row, 1], others[other, 1]) - ranges[row, 0] + 1
    covered = _weight_before(end, length[row], bias) - _weight_before(begin, length[row], bias)
    share = np.bincount(row, covered, len(ranges)) / _weight_before(length, length, bias)
    pieces = np.bincount(row, minlength=len(ranges))
    reward = alpha * (pieces > 0) + (1 - alpha) * share / np.maximum(pieces, 1)
    return float(reward.mean())


def _weight_before(steps: np.ndarray, length: np.ndarray, bias: Bias) -> np.ndarray:
    """Return the summed weight of the first `steps` steps of ranges of a length.

    Step i = 1..length weighs 1 (flat), i (back), length - i + 1 (front) or the smaller of these two
    (middle).
    """
    if bias == "flat":
        return steps
    if bias == "back":
        return steps * (steps + 1) // 2
    falling = steps * length - steps * (steps - 1) // 2
    if bias == "front":
        return falling
    half = length // 2
    rising = np.minimum(steps, half) * (np.minimum(steps, half) + 1) // 2
    return rising + np.maximum(falling - half * length + half * (half - 1) // 2, 0)
