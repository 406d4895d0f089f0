"""Running means over ragged series.

The trailing ones are exact to the bit whatever stands after or in other series: sums are built by
doubling (2 k steps are k steps plus the k before them), always in the same order, and not by a
running total, whose rounding would depend on where it began.

Shapes: N rows, C columns.
"""

import numpy as np


def trailing_mean(values: np.ndarray, steps: int, *, in_series: np.ndarray) -> np.ndarray:
    """Return the mean of the last `steps` rows of each row's series, itself included (N, C).

    Unknown (NaN) rows and those before the series do not count; NaN where nothing is known.

    Args:
        values: (N, C).
        steps: Rows averaged, at least 1.
        in_series: Number of each row within its series, from 0 (N,).
    """
    if steps == 1:
        return values
    known = np.isfinite(values)
    total = _trailing_sum(np.where(known, values, 0.0), steps, in_series)
    count = _trailing_sum(known.astype("float64"), steps, in_series)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan)


def centred_mean(values: np.ndarray, steps: int, *, offsets: np.ndarray) -> np.ndarray:
    """Return the mean of the `steps` rows around each row (N, C), fewer at the ends of a series.

    Unknown (NaN) rows do not count; NaN where nothing is known. For studies: by a running total,
    so that the last bits depend on the other rows.
    """
    if steps == 1:
        return values
    known = np.isfinite(values)
    row = np.arange(len(values))
    lengths = np.diff(offsets)
    first = np.maximum(row - (steps - 1) // 2, np.repeat(offsets[:-1], lengths))
    behind = np.minimum(row + steps // 2 + 1, np.repeat(offsets[1:], lengths))
    nothing = np.zeros((1, values.shape[1]))
    total = np.concatenate([nothing, np.cumsum(np.where(known, values, 0.0), axis=0)])
    count = np.concatenate([nothing, np.cumsum(known, axis=0)])
    n = count[behind] - count[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, (total[behind] - total[first]) / n, np.nan)


def lagged(values: np.ndarray, steps: int, *, in_series: np.ndarray) -> np.ndarray:
    """Return the values `steps` rows before, NaN where that lies before the series (N, C)."""
    if steps == 0:
        return values
    shifted = np.full_like(values, np.nan)
    shifted[steps:] = values[:-steps]
    shifted[in_series < steps] = np.nan
    return shifted


def _trailing_sum(values: np.ndarray, steps: int, in_series: np.ndarray) -> np.ndarray:
    """Return the sum of the last `steps` rows within the series (N, C)."""
    total, covered, power, width = np.zeros_like(values), 0, values, 1
    while True:
        if steps & width:
            total = total + _before(power, covered, in_series)
            covered += width
        if width * 2 > steps:
            return total
        power = power + _before(power, width, in_series)
        width *= 2


def _before(values: np.ndarray, steps: int, in_series: np.ndarray) -> np.ndarray:
    """Return the values `steps` rows before, 0 where that lies before the series."""
    if steps == 0:
        return values
    shifted = np.zeros_like(values)
    shifted[steps:] = values[:-steps]
    shifted[in_series < steps] = 0.0
    return shifted
