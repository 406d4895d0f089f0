"""A step beside the same step of the other series: what moves them all is no series' own."""

import numpy as np
import pandas as pd

from pipelines_lib.series.panel import Panel

MIN_SERIES = 5
"""Series that must count at a step: the median of fewer is as much one of them as the others."""


def subtract_median(panel: Panel, values: np.ndarray, *, counted: np.ndarray) -> np.ndarray:
    """Return values less the median over the series at the same step (N,).

    Args:
        panel: Says which rows are of one step.
        values: What the rows have (N,), NaN or infinite where it is unknown.
        counted: Which rows say something of their series (N,). The others have no part in the
            median; they become 0 where their value is known, for they cannot have left the market.

    Returns:
        The differences, NaN or infinite where the value is. At a step at which fewer than
        MIN_SERIES count there is no cross-section: 0 is subtracted.
    """
    known = np.isfinite(values)
    at_step = pd.Series(np.where(known & counted, values, np.nan)).groupby(panel.position)
    middle = at_step.transform("median").to_numpy()
    enough = at_step.transform("count").to_numpy() >= MIN_SERIES
    return np.where(known & ~counted, 0.0, values - np.where(enough, middle, 0.0))
