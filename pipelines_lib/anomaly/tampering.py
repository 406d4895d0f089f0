"""What becomes of a series where an anomaly is put into it.

All is done on a column's level: the log of a bar's price, the value itself of anything else.
"""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from pipelines_lib.series.panel import Panel

Kind = Literal["spike", "drop", "level_shift", "variance", "flat_line", "phase", "trend", "missing"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STRETCH = 20
"""Steps of a stretch where no period is known."""
USUAL_SIZE = 6.0
"""Size at which a stretch without a height has its usual length, and a shift is one level."""
MAD_TO_SIGMA = 1.4826
PRICES = ("open", "high", "low", "close")


def level_of(panel: Panel, column: str) -> tuple[np.ndarray, bool]:
    """Return the column on the scale where an injection is added (N,): the log of a bar's price."""
    is_price = column in PRICES and set(PRICES) <= set(panel.columns)
    values = panel.column(column)
    if not is_price:
        return values, False
    return np.log(np.where(values > 0, values, np.nan)), True


def least_of(column: str) -> float:
    """Return the least value that a column can have."""
    return 0.0 if column == "volume" else -np.inf


def with_level(
    panel: Panel,
    column: str,
    rows: np.ndarray,
    level: np.ndarray,
    tampered: np.ndarray,
    *,
    is_price: bool,
) -> Panel:
    """Return a copy of the panel in which the level of some rows (N,) is another one."""
    values, number = panel.values.copy(), panel.columns.index(column)
    if is_price:
        moved = np.array([panel.columns.index(name) for name in PRICES])
        values[np.ix_(rows, moved)] *= np.exp(tampered[rows] - level[rows])[:, None]
    else:
        values[rows, number] = np.maximum(tampered[rows], least_of(column))
    return replace(panel, values=values)


def stretch_length(kind: Kind, size: float, period: int | None) -> int:
    """Return the steps of a stretch."""
    if kind in ("spike", "drop"):
        return 1
    longer = size / USUAL_SIZE if kind in ("flat_line", "phase", "missing") else 1.0
    return max(2, round(longer * (period or STRETCH)))


def tamper(
    level: np.ndarray,
    late: int,
    begin: int,
    end: int,
    *,
    kind: Kind,
    size: float,
    period: int | None,
    rng: np.random.Generator,
    is_price: bool,
) -> np.ndarray:
    """Return what becomes of a stretch of one series."""
    stretch, length = level[begin:end], end - begin
    sign = rng.choice([-1.0, 1.0])
    change = robust_sigma(np.diff(level[:late]))
    if kind == "missing":
        return np.full(length, np.nan)
    if kind == "flat_line":
        return np.full(length, level[begin - 1])
    if kind == "phase":
        third = round(period / 3) if period else 0
        return level[begin - third : end - third] if 0 < third <= begin else stretch[::-1]
    if change == 0:
        return stretch  # the series has no unit
    if kind in ("spike", "drop"):
        return stretch + (size if kind == "spike" else -size) * change
    if kind == "variance":
        return stretch + size * change * rng.normal(size=length)
    height = size / USUAL_SIZE * robust_sigma(level[:late])
    if kind == "level_shift":
        return stretch + sign * (size * change if is_price else height)
    height = size * change * np.sqrt(length) if is_price else height
    return stretch + sign * height * np.arange(1, length + 1) / length


def robust_sigma(values: np.ndarray) -> float:
    """Return 1.4826 MAD, the standard deviation where more than half are equal, 0 where none is."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return 0.0
    spread = MAD_TO_SIGMA * np.median(np.abs(values - np.median(values)))
    return float(spread if spread > 0 else values.std())
