"""Scalers: fitted per series on training rows, invertible, kept as plain arrays."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines_lib.config import ScalerKind

IQR_TO_STD = 1.349
"""Interquartile range of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Scaler:
    """Per-series centre and scale (S, F): scaled = (value - centre) / scale.

    NaN in a series' row of `center` says that the series had no rows to be fitted on.
    """

    center: np.ndarray
    scale: np.ndarray

    def transform(self, values: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Scale values (N, F) of the series numbered in `series` (N,)."""
        return (values - self.center[series]) / self.scale[series]

    def inverse(self, scaled: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Return scaled values (N, F) to their units."""
        return scaled * self.scale[series] + self.center[series]

    def take(self, series: np.ndarray) -> "Scaler":
        """Return the scaler of these series, in this order."""
        return Scaler(self.center[series], self.scale[series])


def fit_scaler(
    values: np.ndarray,
    *,
    series: np.ndarray,
    n_series: int,
    rows: np.ndarray,
    kind: ScalerKind,
    scaled: np.ndarray | None = None,
) -> Scaler:
    """Fit a scaler per series.

    Args:
        values: (N, F), NaN where not observed.
        series: Series number of each row (N,).
        n_series: S.
        rows: True for the rows to fit on (N,): the training rows.
        kind: standard (mean, standard deviation), minmax (minimum, range), robust (median,
            interquartile range / 1.349; the standard deviation where that is 0) or none.
        scaled: False for columns to leave as they are (F,); None: all are scaled.

    A column that is constant over the rows of a series is only centred (scale 1).
    """
    n_features = values.shape[1]
    grouped = pd.DataFrame(values[rows]).groupby(series[rows])
    if kind == "standard":
        center, scale = grouped.mean(), grouped.std(ddof=0)
    elif kind == "minmax":
        center, scale = grouped.min(), grouped.max() - grouped.min()
    elif kind == "robust":
        center = grouped.median()
        scale = (grouped.quantile(0.75) - grouped.quantile(0.25)) / IQR_TO_STD
        scale = scale.where(scale > 0, grouped.std(ddof=0))  # mostly one value, yet it moves
    else:
        center = grouped.mean() * 0.0
        scale = center + 1.0
    everyone = pd.RangeIndex(n_series)
    fitted_center = center.reindex(everyone).to_numpy(dtype="float64", copy=True)
    fitted_scale = scale.reindex(everyone).to_numpy(dtype="float64", copy=True)
    # A sum of equal floats leaves a standard deviation of about 1e-17 of the level.
    flat = fitted_scale <= 1e-12 * np.maximum(np.abs(fitted_center), 1e-300)
    fitted_scale[flat] = 1.0
    if scaled is not None:
        fitted = ~np.isnan(fitted_center).all(axis=1)
        for column in np.flatnonzero(~scaled):
            fitted_center[fitted, column], fitted_scale[fitted, column] = 0.0, 1.0
    assert fitted_center.shape == (n_series, n_features)
    return Scaler(fitted_center, fitted_scale)


def prefer_fitted(
    fitted: Scaler, own: Scaler, *, series_ids: list[str], known: list[str]
) -> Scaler:
    """Return scalers in the order of `series_ids`: the fitted one where known, else its own.

    `fitted` is in the order of `known`, `own` in the order of `series_ids`.
    """
    number = {name: row for row, name in enumerate(known)}
    here = np.array([number.get(name, -1) for name in series_ids])
    rows = np.flatnonzero(here >= 0)
    center, scale = own.center.copy(), own.scale.copy()
    center[rows], scale[rows] = fitted.center[here[rows]], fitted.scale[here[rows]]
    return Scaler(center, scale)
