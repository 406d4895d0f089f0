"""Naive forecasts from the same origins: what a model must beat to be worth its electricity."""

import numpy as np

from pipelines_lib.series.panel import Panel
from pipelines_lib.series.windows import horizon_rows

BASELINES = ("last_value", "drift", "seasonal_naive")


def forecast_baselines(
    panel: Panel,
    level: np.ndarray,
    origins: np.ndarray,
    *,
    horizon: int,
    sampling_rate: int,
    season: int,
) -> dict[str, np.ndarray]:
    """Forecast by every baseline (W, H), in units, from rows at or before the origin.

    last_value: the value at the origin. drift: the straight line from the series' first value
    through the one at the origin, continued. seasonal_naive: the value one season before the step,
    two if one is not past the origin; where that was not observed, the last value.

    Args:
        panel: The series.
        level: The target in units (N,).
        origins: Rows to forecast from (W,).
        horizon: Steps ahead.
        sampling_rate: Rows between steps.
        season: Length of the season, in rows.
    """
    ahead = horizon_rows(horizon, sampling_rate)
    last = level[origins][:, None]
    series = panel.row_series[origins]
    first_known = _first_known_rows(panel, level)[series]
    run = np.maximum(origins - first_known, 1)
    slope = (level[origins] - level[first_known]) / run
    back = ahead - season * -(-ahead // season)
    seasonal_rows = origins[:, None] + back
    inside = seasonal_rows >= panel.offsets[:-1][series][:, None]
    seasonal = np.where(inside, level[np.maximum(seasonal_rows, 0)], np.nan)
    return {
        "last_value": np.repeat(last, horizon, axis=1),
        "drift": last + slope[:, None] * ahead,
        "seasonal_naive": np.where(np.isnan(seasonal), last, seasonal),
    }


def _first_known_rows(panel: Panel, level: np.ndarray) -> np.ndarray:
    """Return each series' first known row (S,); that of a series without any means nothing."""
    known = np.append(np.flatnonzero(np.isfinite(level)), 0)  # for such a series at the end
    return known[np.searchsorted(known[:-1], panel.offsets[:-1])]
