"""What every judgement asks of its flags and scores."""

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
