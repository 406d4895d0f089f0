"""Whether a difference is more than chance: a mean over days, and two methods' losses by day.

The losses of the shares of one day rise and fall together, and forecasts of several steps overlap
from day to day. So a day counts once, and its neighbours' correlation widens the error of the mean
(Diebold and Mariano 1995), corrected for small samples (Harvey, Leybourne and Newbold 1997).
"""

import math

import numpy as np
from scipy import stats

from pipelines_lib.comparison import PairedTest

MIN_DAYS = 8
"""Days below which nothing is told from anything."""
FEW, MANY = 4, 20
"""Overlaps that the days must hold to be tested at all; to be tested by autocovariances alone."""
NOISE = 1e-9
"""Share of the losses up to which two are the same number, but for rounding."""


def paired_test(
    first: np.ndarray, second: np.ndarray, *, position: np.ndarray, reach: int
) -> PairedTest:
    """Test by Diebold and Mariano whether two methods lose the same on average.

    Args:
        first: Loss of the one per window (W,); a window without a loss in either is left out.
        second: Loss of the other on the same windows (W,).
        position: Calendar position of each window's origin (W,).
        reach: Steps from the origin to the last target, h; windows closer than that overlap.
    """
    known = ~np.isnan(first - second)
    first, second = first[known], second[known]
    if not len(first):
        return PairedTest(0.0, None, None, 0)
    rounding = NOISE * float((first + second).mean())
    same = np.isclose(first, second, rtol=0, atol=rounding)
    by_day = daily_means(np.where(same, 0.0, first - second), position[known])
    statistic, p = mean_test(by_day, overlap=reach)
    return PairedTest(float(by_day.mean()), statistic, p, len(by_day))


def daily_means(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return the mean of the values (W,) of each position, oldest first (D,)."""
    _, number = np.unique(position, return_inverse=True)
    return np.bincount(number, values) / np.bincount(number)


def mean_test(values: np.ndarray, *, overlap: int) -> tuple[float | None, float | None]:
    """Test whether the mean of a series of days is 0: statistic and two-sided p-value.

    The variance of the mean counts the autocovariances below `overlap` in full, as errors of
    overlapping windows have them; where that is not positive, with Bartlett's falling weights.
    The p-value is of the t distribution with n - 1 degrees. Below 20 h days that test finds
    differences where there are none (in a fifth of all cases at 4 h), so that the larger p-value
    of it and of one made for few days counts (Coroneo and Iacone 2020).

    Args:
        values: One value a day (D,), oldest first.
        overlap: Days that a value shares with its neighbours, h; 1: none.

    Returns:
        None twice where there are fewer than 8 days, or than 4 h.
    """
    n, h = len(values), overlap
    if n < max(MIN_DAYS, FEW * h):
        return None, None
    mean = values.mean()
    if not values.any():
        return 0.0, 1.0
    centered = values - mean
    covariance = np.array([centered[lag:] @ centered[: n - lag] for lag in range(h)]) / n
    variance = (covariance[0] + 2 * covariance[1:].sum()) / n
    if variance <= 0:
        falling = 1 - np.arange(1, h) / h
        variance = (covariance[0] + 2 * falling @ covariance[1:]) / n
    if variance <= 0:  # the same difference every day
        return math.copysign(math.inf, mean), 0.0
    correction = (n + 1 - 2 * h + h * (h - 1) / n) / n
    statistic = float(mean / math.sqrt(variance) * math.sqrt(correction))
    p = float(2 * stats.t.sf(abs(statistic), n - 1))
    if h > 1 and n < MANY * h:
        p = max(p, _few_days_p(values, h))
    return statistic, p


def _few_days_p(values: np.ndarray, h: int) -> float:
    """Return the p-value by the m slowest waves of the periodogram: t with 2 m degrees.

    Waves slower than three times the overlap are all alike strong, so that their mean is the
    variance however few they are; the distribution allows for their number.
    """
    n = len(values)
    m = int(np.clip(n // (3 * h), 1, n ** (1 / 3)))
    strength = np.abs(np.fft.rfft(values - values.mean())[1 : m + 1]) ** 2 / n
    if strength.mean() <= 0:
        return 0.0
    return float(2 * stats.t.sf(abs(values.mean()) / math.sqrt(strength.mean() / n), 2 * m))
