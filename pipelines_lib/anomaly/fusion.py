"""From errors of several parts to one score that compares across parts and series.

An error counts by how far it lies above what was usual for its series; log1p tames the rest.

Shapes: N rows, S series, P parts, R rows that are scored.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

MAD_TO_STD = 1.4826
PAST_AT_LEAST = 30
"""Errors of a series that must be known before one can be called unusual."""


@dataclass(frozen=True)
class Past:
    """What is known of a part's earlier errors, of each series (S,): how many, sum, squares."""

    n: np.ndarray
    total: np.ndarray
    squares: np.ndarray

    @classmethod
    def nothing(cls, n_series: int) -> "Past":
        """Return the past of series that have none."""
        return cls(*(np.zeros(n_series) for _ in range(3)))

    def take(self, series: np.ndarray) -> "Past":
        """Return the past of these series, in this order; -1: of one that has none."""
        return Past(*(np.where(series >= 0, each[series], 0.0) for each in vars(self).values()))


def stand_out(values: np.ndarray, *, series: np.ndarray, past: Past) -> tuple[np.ndarray, Past]:
    """Return by how many standard deviations each error exceeds the mean of all earlier ones.

    Running sums continue in the order of the steps, so that a night that goes on from a stored past
    gets the same bits as one that starts from the beginning.

    Args:
        values: Errors of the rows to score (R,), series by series in order of time; NaN: unknown.
        series: Their series numbers (R,), ascending.
        past: Of all series before these rows.

    Returns:
        The deviations (R,), NaN where fewer than 30 earlier errors are known; and the past after
        these rows.
    """
    n_series = len(past.n)
    first = np.searchsorted(series, np.arange(n_series))
    column = np.arange(len(series)) - first[series]
    width = int(column.max()) + 1 if len(column) else 0
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    before = []
    after = []
    for start, terms in zip(
        vars(past).values(), (known.astype("float64"), filled, filled**2), strict=True
    ):
        laid = np.zeros((n_series, width + 1))
        laid[:, 0] = start
        laid[series, column + 1] = terms
        running = np.cumsum(laid, axis=1)
        before.append(running[series, column])
        after.append(running[:, -1])
    n, total, squares = before
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        spread = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
        deviations = (values - mean) / np.maximum(spread, 1e-12 + 1e-9 * np.abs(mean))
    return np.where(n >= PAST_AT_LEAST, deviations, np.nan), Past(*after)


def stand_out_of_all(values: np.ndarray, *, series: np.ndarray) -> np.ndarray:
    """Return how far each error lies above its series' median, in robust deviations (R,)."""
    grouped = pd.Series(values).groupby(series)
    center = grouped.transform("median").to_numpy()
    away = pd.Series(np.abs(values - center)).groupby(series)
    spread = MAD_TO_STD * away.transform("median").to_numpy()
    least = 1e-12 + 1e-9 * np.abs(center)
    # Running sums leave the median of equal errors a distance of rounding, which is none.
    spread = np.where(spread > least, spread, grouped.transform("std", ddof=0).to_numpy())
    return (values - center) / np.maximum(spread, least)


def fuse(deviations: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean of log1p of the parts' positive deviations, and each part's share.

    Args:
        deviations: (R, P), NaN: that part cannot say, the others speak for it.
        weights: (P,).

    Returns:
        Scores (R,), NaN where no part can say; and the terms that add up to them (R, P).
    """
    known = np.isfinite(deviations)
    strange = np.log1p(np.maximum(np.where(known, deviations, 0.0), 0.0))
    weight = np.where(known, weights, 0.0)
    total = weight.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(total > 0, weight * strange / total, np.nan)
    return terms.sum(axis=1), np.nan_to_num(terms)
