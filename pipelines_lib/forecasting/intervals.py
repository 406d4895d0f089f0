"""Intervals by split conformal prediction, per step ahead.

The score of a calibration window is how far the truth lies outside what the network says already
(Romano, Patterson and Candes 2019); for a point forecast that is the absolute residual (Lei et al.
2018). It is counted in a unit of its own for each window: the series' scale, or for `local` its
recent movement, times the root of the step for log returns.
"""

import math

import numpy as np

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.forecasting.prepare import Prepared


def interval_unit(prepared: Prepared, origins: np.ndarray, config: ForecasterConfig) -> np.ndarray:
    """Return what an interval's width is counted in (W, H), in scaled targets."""
    unit = np.ones((len(origins), config.horizon))
    if config.interval_method == "local":
        unit *= prepared.movement[origins][:, None]
    if config.target_kind == "log_return":
        unit *= np.sqrt(np.arange(1, config.horizon + 1))
    return unit


def fit_width(
    lower: np.ndarray, upper: np.ndarray, actual: np.ndarray, unit: np.ndarray, *, level: float
) -> np.ndarray:
    """Fit what is added at both ends of the interval, per step (H,), in units.

    Of the n scores the one of rank ceil((n + 1) level), smallest first: with exchangeable windows
    the interval holds the truth at least as often as `level` says. Below level / (1 - level)
    windows there is no such rank, and the largest score, which promises less, has to do. It is
    negative where the network's own interval is too wide.

    Args:
        lower: Lower ends that the network gives (W, H), scaled; the forecast itself for a point.
        upper: Upper ends.
        actual: What came true.
        unit: Unit of each window and step.
        level: Nominal coverage, as a fraction.
    """
    score = np.maximum(lower - actual, actual - upper) / unit
    rank = min(len(score), math.ceil((len(score) + 1) * level))
    return np.sort(score, axis=0)[rank - 1]
