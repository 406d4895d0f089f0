"""Is one method better than another over files, or is it these files?"""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.errors import SeriesError


@dataclass(frozen=True)
class BootstrapDifference:
    """Mean difference over files, its 95 % interval, and the two-sided p-value of no difference."""

    mean: float
    low: float
    high: float
    p: float


def paired_bootstrap(
    ours: np.ndarray, theirs: np.ndarray, *, seed: int, n: int = 10_000
) -> BootstrapDifference:
    """Resample files and return the mean of ours - theirs.

    Args:
        ours: (k,) a figure a file; files where either figure is NaN are left out of both.
        theirs: (k,) the same figure of another method on the same files.
        seed: Of the resampling.
        n: How many times the files are drawn.

    Raises:
        SeriesError: Shapes differ, or fewer than two files have both figures.
    """
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise SeriesError(f"{ours.shape} figures against {theirs.shape}; pass one of each a file")
    difference = ours - theirs
    difference = difference[~np.isnan(difference)]
    if len(difference) < 2:
        raise SeriesError(f"{len(difference)} files have both figures; a bootstrap needs two")
    drawn = np.random.default_rng(seed).integers(len(difference), size=(n, len(difference)))
    means = difference[drawn].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    tail = min((means <= 0).sum(), (means >= 0).sum())
    p = min(1.0, 2 * (tail + 1) / (n + 1))
    return BootstrapDifference(float(difference.mean()), float(low), float(high), float(p))
