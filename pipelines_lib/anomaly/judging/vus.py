"""Volume under the surface: ranking quality that forgives being a little early or late.

Paparrizos et al., "Volume Under the Surface", VLDB 2022, in the form of TSB-AD 1.5: for every width
w from 0 to W a true range is softened outward by w // 2 steps, where the step at distance d weighs
sqrt(1 - d / w); recall is weighted by the share of softened ranges that are found at all; the areas
under the curves of all widths are averaged.

Shapes: n steps, k true ranges, W the widest width, T thresholds. Time and memory grow with n and
with W * W * T, never with n * W.
"""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.judging.flags import as_flags, as_scores, ranges_of
from pipelines_lib.errors import SeriesError

N_THRESHOLDS = 250


@dataclass(frozen=True)
class Volumes:
    """Both volumes of one series, each in 0..1; NaN where no step or every step is anomalous."""

    vus_pr: float
    vus_roc: float


def vus(scores: np.ndarray, labels: np.ndarray, *, width: int) -> Volumes:
    """Return the volumes under the precision-recall and the ROC surface.

    Args:
        scores: (n,), finite; higher is stranger. Equal scores pass the same thresholds.
        labels: (n,), true where a step is anomalous.
        width: W, the widest softening in steps, usually `find_width` of the series.

    Raises:
        SeriesError: Shapes differ, a score is not finite or the width is negative.
    """
    flags = as_flags(labels, "labels")
    scores = as_scores(scores, len(flags))
    if width < 0:
        raise SeriesError(f"width {width} is negative; pass the period of the series in steps")
    if flags.all() or not flags.any():
        return Volumes(np.nan, np.nan)
    level = _levels(scores)
    ranges = ranges_of(flags)
    half = np.arange(width + 1) // 2
    predicted = np.bincount(level, minlength=N_THRESHOLDS).cumsum()
    inside = np.bincount(level[flags], minlength=N_THRESHOLDS).cumsum()
    softened = _softened_weight(level, flags, ranges, width)  # (W + 1, T)
    found = _found_share(level, ranges, width // 2)[half]
    hits = inside + softened
    positives = flags.sum() + softened / 2
    recall = np.minimum(hits / positives, 1) * found
    false_rate = (predicted - hits) / (len(flags) - positives)
    pr = (np.diff(recall, axis=1, prepend=0) * (hits / predicted)).sum(axis=1)
    ends = ((0, 0), (1, 1))
    rising = np.pad(recall, ends, constant_values=(0, 1))
    roc = np.trapezoid(rising, np.pad(false_rate, ends, constant_values=(0, 1)), axis=1)
    return Volumes(float(pr.mean()), float(roc.mean()))


def _levels(scores: np.ndarray) -> np.ndarray:
    """Return (n,) the first of the T falling thresholds that each score reaches.

    The thresholds are scores: those at T evenly spread ranks, from the highest to the lowest.
    """
    rank = np.linspace(0, len(scores) - 1, N_THRESHOLDS).astype(int)
    return np.searchsorted(np.sort(-scores)[rank], -scores)


def _softened_weight(
    level: np.ndarray, flags: np.ndarray, ranges: np.ndarray, width: int
) -> np.ndarray:
    """Return (W + 1, T) the summed weight of predicted steps outside the ranges.

    A step in reach of two ranges weighs 1: each weighs at least sqrt(1/2), their sum is cut at 1.
    """
    reach = width // 2
    step = np.flatnonzero(~flags)
    nearest, second = _two_distances(step, ranges, reach + 1)
    level = level[step]
    single = np.zeros((reach + 2, N_THRESHOLDS))  # by distance, steps in reach of one range
    np.add.at(single, (nearest, level), 1)
    double = np.zeros(N_THRESHOLDS)
    order = np.argsort(second, kind="stable")
    bounds = np.searchsorted(second[order], np.arange(reach + 2))
    weight = np.zeros((width + 1, N_THRESHOLDS))
    for half in range(1, reach + 1):
        joined = order[bounds[half] : bounds[half + 1]]
        np.subtract.at(single, (nearest[joined], level[joined]), 1)
        double += np.bincount(level[joined], minlength=N_THRESHOLDS)
        distance = np.arange(1, half + 1)
        for w in range(2 * half, min(2 * half + 1, width) + 1):
            weight[w] = np.sqrt(1 - distance / w) @ single[1 : half + 1] + double
    return weight.cumsum(axis=1)


def _two_distances(
    step: np.ndarray, ranges: np.ndarray, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return each outside step's distance to the nearest and second nearest range, up to `limit`.

    At most two ranges on either side can be among the two nearest.
    """
    after = np.searchsorted(ranges[:, 0], step)
    far = np.full(2, len(step) + ranges[-1, 1] + limit)
    start = np.concatenate([ranges[:, 0], step[-1:] + far])
    end = np.concatenate([-far, ranges[:, 1]])
    distances = np.stack(
        [step - end[after + 1], step - end[after], start[after] - step, start[after + 1] - step]
    )
    nearest, second = np.minimum(np.sort(distances, axis=0)[:2], limit)
    return nearest, second


def _found_share(level: np.ndarray, ranges: np.ndarray, reach: int) -> np.ndarray:
    """Return (W // 2 + 1, T) the share of softened ranges with a predicted step.

    Ranges whose softened parts touch are one.
    """
    start, end = ranges.T
    padded = np.pad(level, reach, constant_values=N_THRESHOLDS)  # no threshold is reached outside
    first = np.minimum.reduceat(
        np.append(level, N_THRESHOLDS), np.stack([start, end + 1]).T.ravel()
    )
    first = first[::2]  # first threshold that a step of the softened range reaches
    share = np.empty((reach + 1, N_THRESHOLDS))
    for half in range(reach + 1):
        first = np.minimum(first, padded[start + reach - half])
        first = np.minimum(first, padded[end + reach + half])
        apart = np.concatenate([[0], np.flatnonzero(end[:-1] + half < start[1:] - half) + 1])
        merged = np.minimum.reduceat(first, apart)
        share[half] = np.bincount(merged, minlength=N_THRESHOLDS).cumsum() / len(apart)
    return share
