"""An alert budget: about N false alarms a night over all series, from p-values.

A night is a step of the calendar. p-values of clean steps are taken for uniform, as conformal ones
are.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, xlog1py, xlogy

Method = Literal["bonferroni", "benjamini_hochberg"]
ROUNDING = 1 + 1e-12
"""A p-value that equals its limit but for the last bit is within it."""


def alarms_within_budget(
    p_value: np.ndarray,
    night: np.ndarray,
    *,
    budget: float,
    method: Method,
    watched: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose alarms so that clean nights have `budget` of them in the mean.

    bonferroni: p <= budget / m, with m series scored that night. benjamini_hochberg: with the
    largest k for which k p-values lie within q k / m, those k, where q is `clean_level`; on a
    night when many series are strange the limit rises with them, and clean alarms come in bunches.

    Args:
        p_value: One a series and night (n,), NaN: not scored.
        night: Number of the night of each (n,).
        budget: Alarms a night.
        method: bonferroni or benjamini_hochberg.
        watched: How many series are watched at each (n,), so that one which is scored alone, a
            day late, does not get the budget of all; where more are scored, or None: those.

    Returns:
        Which are alarms (n,), and the limit (n,) that their p-value was held against.
    """
    scored = np.isfinite(p_value)
    nights, at = np.unique(night, return_inverse=True)
    count = np.bincount(at[scored], minlength=len(nights))
    m = np.maximum(count, 1)
    if watched is not None:
        np.maximum.at(m, at, watched)
    level = np.minimum(budget, m)
    if method == "benjamini_hochberg":
        sizes, size_at = np.unique(m, return_inverse=True)
        level = np.array([clean_level(budget, int(size)) for size in sizes])[size_at]
        rejected = _count_rejected(p_value[scored], at[scored], level / m)
        level = level * np.maximum(rejected, 1)
    limit = np.minimum(level / m, 1.0)[at]
    return scored & (p_value <= limit * ROUNDING), limit


def _count_rejected(p_value: np.ndarray, night: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return for each night the largest k for which k p-values lie within k steps."""
    order = np.lexsort((p_value, night))
    night = night[order]
    first = np.searchsorted(night, np.arange(len(step)))
    rank = np.arange(len(night)) - first[night] + 1
    within = p_value[order] <= rank * step[night] * ROUNDING
    rejected = np.zeros(len(step), dtype="int64")
    np.maximum.at(rejected, night[within], rank[within])
    return rejected


@lru_cache(maxsize=4096)
def clean_level(budget: float, m: int) -> float:
    """Return the level q at which Benjamini-Hochberg has `budget` alarms on a clean night of m."""
    if budget >= m:
        return 1.0
    return float(brentq(lambda q: rejections_on_clean_night(q, m)[0] - budget, 0.0, 1.0))


def rejections_on_clean_night(q: float, m: int) -> tuple[float, float]:
    """Return mean and variance of the rejections by Benjamini-Hochberg at level q, all m clean.

    For independent uniform p-values their number R follows
    P(R = j) = C(m, j) (q j / m)^j (1 - q) (1 - q j / m)^(m - j - 1):
    j p-values lie within q j / m, and by Dempster's formula for a linear boundary (1959) the
    others stay above theirs. Its mean is that of Finner and Roters 2002 ("Multiple hypotheses
    testing and expected number of type I errors", Annals of Statistics 30).
    """
    if q >= 1:
        return float(m), 0.0
    j = np.arange(m + 1)
    log_p = gammaln(m + 1) - gammaln(j + 1) - gammaln(m - j + 1) + np.log1p(-q)
    log_p += xlogy(j, q * j / m) + xlog1py(m - j - 1, -q * j / m)
    p = np.exp(log_p)
    mean = float((j * p).sum())
    return mean, float((j**2 * p).sum() - mean**2)


def least_past(budget: float, m: int, method: Method = "bonferroni") -> int:
    """Return how many past scores let a p-value be small enough for an alarm among m series."""
    level = clean_level(budget, m) if method == "benjamini_hochberg" else min(budget, m)
    return int(np.ceil(m / level * (1 - 1e-12))) - 1
