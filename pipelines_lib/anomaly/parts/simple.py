"""Parts that learn nothing: energy, mean shift, robust z.

Shapes: N rows, F features.
"""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.parts.base import Stretch
from pipelines_lib.anomaly.smoothing import lagged, trailing_mean

ROBUST_STEPS = 60
ROBUST_AT_LEAST = 20
MAD_TO_STD = 1.4826
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class EnergyPart:
    """How far a step is from its series' centre: the squared scaled value."""

    name: str = "energy"

    def errors(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return the squares (N, F)."""
        return stretch.inputs**2

    def expected(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray | None:
        """Return nothing."""
        return None


@dataclass(frozen=True)
class ShiftPart:
    """How much the level has moved: the distance of two neighbouring means.

    retrospective: the mean of the window that begins at the step less that of the one before it.
    causal: the mean of the window that ends at the step less that of the three windows before it.
    """

    name: str = "shift"

    def errors(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return the shifts (N, F); NaN unless both means are of whole windows."""
        steps, in_series = stretch.window.lookback, stretch.in_series
        recent = trailing_mean(stretch.inputs, steps, in_series=in_series)
        if stretch.mode == "causal":
            earlier = trailing_mean(stretch.inputs, 3 * steps, in_series=in_series)
            earlier = lagged(earlier, steps, in_series=in_series)
            shift = np.abs(recent - earlier)
            shift[in_series < 2 * steps - 1] = np.nan
            return shift
        recent[in_series < steps - 1] = np.nan
        before = lagged(recent, 1, in_series=in_series)
        coming = np.full_like(recent, np.nan)
        coming[: max(0, len(recent) - steps + 1)] = recent[steps - 1 :]
        lengths = np.diff(stretch.offsets)
        coming[np.repeat(lengths, lengths) - in_series < steps] = np.nan
        return np.abs(coming - before)

    def expected(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray | None:
        """Return nothing."""
        return None


@dataclass(frozen=True)
class RobustZPart:
    """How far a step is from the median of the 60 before it, in their robust deviations."""

    name: str = "robust_z"

    def errors(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return |z| (N, F); NaN where fewer than 20 of the steps before are known."""
        errors = np.full(stretch.inputs.shape, np.nan)
        rows = np.flatnonzero(wanted)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            center, spread = self._past(stretch, some)
            with np.errstate(invalid="ignore", divide="ignore"):
                errors[some] = np.abs(stretch.inputs[some] - center) / spread
        return errors

    def expected(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray | None:
        """Return the median of the steps before (N, F)."""
        expected = np.full(stretch.inputs.shape, np.nan)
        rows = np.flatnonzero(wanted)
        expected[rows] = self._past(stretch, rows)[0]
        return expected

    def _past(self, stretch: Stretch, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return median and robust deviation of the steps before each of `rows` (n, F)."""
        earlier = rows[:, None] - np.arange(ROBUST_STEPS, 0, -1)
        first = stretch.offsets[stretch.row_series[rows]][:, None]
        inside = earlier >= first
        past = np.where(
            inside[..., None], stretch.inputs[np.maximum(earlier, 0)], np.nan
        )  # (n, 60, F)
        enough = np.isfinite(past).sum(axis=1) >= ROBUST_AT_LEAST
        center = _median(past)
        spread = MAD_TO_STD * _median(np.abs(past - center[:, None]))
        return np.where(enough, center, np.nan), np.where(enough & (spread > 0), spread, np.nan)


def _median(values: np.ndarray) -> np.ndarray:
    """Return the median over axis 1 of the known values; NaN where there are none.

    By sorting: numpy's own median of values with gaps goes row by row.
    """
    ordered = np.sort(values, axis=1)  # NaN last
    n = np.isfinite(values).sum(axis=1)
    low, high = np.maximum(n - 1, 0) // 2, n // 2
    high = np.minimum(high, values.shape[1] - 1)
    middle = [np.take_along_axis(ordered, at[:, None], axis=1)[:, 0] for at in (low, high)]
    return np.where(n > 0, (middle[0] + middle[1]) / 2, np.nan)
