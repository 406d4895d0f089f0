"""Affiliation precision and recall.

Huet et al., "Local Evaluation of Time Series Anomaly Detection Algorithms", KDD 2022.
Every true range J owns the zone E of the time line that is nearest to it. How near predicted steps
of a zone are to its range (precision), and the range to the predicted steps (recall), is turned
into the probability that a step drawn at random from the zone would be farther away. A step t is
the interval from t to t + 1; the averages are integrals.
"""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.judging.flags import as_ranges, harmonic_mean


@dataclass(frozen=True)
class Affiliation:
    """Affiliation figures of one series, each in 0..1; a random prediction has about 0.5.

    All are NaN where no range is true; precision is NaN and F1 is 0 where nothing is predicted.
    """

    precision: float
    recall: float
    f1: float


def judge_affiliation(predicted: np.ndarray, true: np.ndarray, *, n_steps: int) -> Affiliation:
    """Judge predicted ranges by their distance to true ones and back.

    Args:
        predicted: Flags (n_steps,) or ranges (k, 2), inclusive.
        true: The same of the truth.
        n_steps: Length of the series.

    Raises:
        SeriesError: Ranges are out of order or beyond the series.
    """
    predicted = as_ranges(predicted, "predicted ranges", n_steps=n_steps) + np.array([0, 1])
    true = as_ranges(true, "true ranges", n_steps=n_steps) + np.array([0, 1])
    if not len(true):
        return Affiliation(np.nan, np.nan, np.nan)
    if not len(predicted):
        return Affiliation(np.nan, 0.0, 0.0)
    borders = np.concatenate([[0], (true[:-1, 1] + true[1:, 0]) / 2, [n_steps]])
    zone, begin, end = _cut(predicted, borders)
    precision = _precision(true, borders, zone, begin, end)
    recall = _recall(true, borders, zone, begin, end)
    return Affiliation(precision, recall, harmonic_mean(precision, recall))


def _cut(predicted: np.ndarray, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the predicted intervals cut at the borders: zone, begin and end of every piece."""
    first = np.searchsorted(borders, predicted[:, 0], side="right") - 1
    count = np.searchsorted(borders, predicted[:, 1]) - first
    row = np.repeat(np.arange(len(predicted)), count)
    zone = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    begin = np.maximum(predicted[row, 0], borders[zone])
    return zone, begin, np.minimum(predicted[row, 1], borders[zone + 1])


def _precision(
    true: np.ndarray, borders: np.ndarray, zone: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> float:
    """Return the mean over zones with a prediction of its steps' probability.

    At distance d from J it is 1 - (|J| + d + min(d, m)) / |E|, with m the distance from J to the
    nearer border of E; 1 within J.
    """
    start, stop = true[zone].T
    size = (borders[1:] - borders[:-1])[zone]
    margin = np.minimum(start - borders[zone], borders[zone + 1] - stop)

    def summed(distance: np.ndarray) -> np.ndarray:
        near = np.minimum(distance, margin)
        return distance**2 / 2 + near**2 / 2 + margin * (distance - near)

    before = summed(np.maximum(start - begin, 0)) - summed(np.maximum(start - end, 0))
    after = summed(np.maximum(end - stop, 0)) - summed(np.maximum(begin - stop, 0))
    inside = np.maximum(np.minimum(end, stop) - np.maximum(begin, start), 0)
    outside = end - begin - inside
    lost = (outside * (stop - start) + before + after) / size
    length = np.bincount(zone, end - begin)
    kept = np.bincount(zone, end - begin - lost)
    return float((kept[length > 0] / length[length > 0]).mean())


def _recall(
    true: np.ndarray, borders: np.ndarray, zone: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> float:
    """Return the mean over true ranges of their steps' probability, 0 without a prediction.

    At distance d from the zone's nearest prediction it is 1 - (d + min(d, m)) / |E|, with m the
    distance from the step to the nearer border of E. That is linear between the breakpoints
    gathered here, so that the trapezoidal rule is exact.
    """
    low, high = borders[:-1], borders[1:]
    predicted = np.unique(zone)
    neighbours = np.flatnonzero(zone[1:] == zone[:-1])
    at = np.concatenate([zone] * 4 + [zone[neighbours]] + [predicted] * 3)
    step = np.concatenate(
        [
            begin,
            end,
            (end + high[zone]) / 2,  # as far from the piece before as from the border ahead
            (begin + low[zone]) / 2,
            (end[neighbours] + begin[neighbours + 1]) / 2,
            true[predicted, 0],
            true[predicted, 1],
            (low + high)[predicted] / 2,
        ]
    )
    step = np.clip(step, true[at, 0], true[at, 1])
    order = np.lexsort([step, at])
    at, step = at[order], step[order]
    ahead = np.searchsorted(begin, step, side="right")
    behind = np.maximum(ahead - 1, 0)
    ahead = np.minimum(ahead, len(zone) - 1)
    distance = np.minimum(
        np.where((zone[behind] == at) & (begin[behind] <= step), step - end[behind], np.inf),
        np.where((zone[ahead] == at) & (begin[ahead] >= step), begin[ahead] - step, np.inf),
    )
    distance = np.maximum(distance, 0)
    lost = distance + np.minimum(distance, np.minimum(step - low[at], high[at] - step))
    area = (lost[1:] + lost[:-1]) / 2 * np.diff(step) * (at[1:] == at[:-1])
    size = (high - low) * (true[:, 1] - true[:, 0])
    probability = 1 - np.bincount(at[1:], area, len(true)) / size
    return float(probability[predicted].sum() / len(true))
