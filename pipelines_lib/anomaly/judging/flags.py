"""Flags, scores and ranges as every judgement takes them.

A range is a run of steps, start and end inclusive; ranges (k, 2) are in order and disjoint.
"""

import numpy as np

from pipelines_lib.errors import SeriesError


def as_flags(flags: np.ndarray, name: str) -> np.ndarray:
    """Return flags (n,) as booleans; refuse other shapes, other values and NaN."""
    array = np.asarray(flags)
    if array.ndim != 1:
        raise SeriesError(f"{name} have shape {array.shape}; pass one flag a step, shape (n,)")
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise SeriesError(f"{name} hold a value other than 0 and 1; pass booleans")
    return array.astype(bool)


def as_scores(scores: np.ndarray, n_steps: int) -> np.ndarray:
    """Return scores (n,) as float64; refuse another length and values that are not finite."""
    array = np.asarray(scores, dtype=np.float64)
    if array.shape != (n_steps,):
        raise SeriesError(f"scores have shape {array.shape}; pass ({n_steps},), one a label")
    if not np.isfinite(array).all():
        step = int(np.flatnonzero(~np.isfinite(array))[0])
        raise SeriesError(f"score of step {step} is {array[step]}; give every step a finite score")
    return array


def ranges_of(flags: np.ndarray) -> np.ndarray:
    """Return the runs of true flags, (k, 2): start and end, both inclusive, in order."""
    edges = np.diff(as_flags(flags, "flags").astype(np.int8), prepend=0, append=0)
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1], axis=1)


def as_ranges(steps: np.ndarray, name: str, *, n_steps: int) -> np.ndarray:
    """Return ranges (k, 2) of either flags (n_steps,) or ranges (k, 2).

    Raises:
        SeriesError: Another length, a range beyond the series, or ranges that overlap or are not in
            order.
    """
    array = np.asarray(steps)
    if array.ndim == 1 and len(array) == n_steps:
        return ranges_of(array)
    if array.ndim != 2 or array.shape[1] != 2:
        raise SeriesError(
            f"{name} have shape {array.shape}; pass flags ({n_steps},) or ranges (k, 2)"
        )
    array = array.astype(np.int64)
    ordered = array.ravel()
    if len(ordered) and (ordered[0] < 0 or ordered[-1] >= n_steps):
        raise SeriesError(f"{name} reach beyond steps 0..{n_steps - 1}; cut them to the series")
    if (array[:, 1] < array[:, 0]).any() or (array[1:, 0] <= array[:-1, 1]).any():
        raise SeriesError(f"{name} overlap or are not in order; sort and merge them")
    return array


def overlapping(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the index pairs of ranges that share a step: rows of `left`, rows of `right`.

    Starts and ends must both ascend; the ranges of one side may overlap each other.
    """
    first = np.searchsorted(right[:, 1], left[:, 0])
    count = np.searchsorted(right[:, 0], left[:, 1], side="right") - first
    row = np.repeat(np.arange(len(left)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return row, first[row] + within


def harmonic_mean(precision: float, recall: float) -> float:
    """Return F1, 0 where both are 0."""
    both = precision + recall
    return 2 * precision * recall / both if both > 0 else 0.0


def ratio(part: float, whole: float) -> float:
    """Return part / whole, 0 where the whole is 0."""
    return float(part / whole) if whole else 0.0
