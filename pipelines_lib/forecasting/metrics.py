"""Measures of forecasts beside the truth: over all windows, by step ahead, by series.

Shapes: W windows, H horizon, S series, D days. One name means one thing in all three.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipelines_lib.comparison import skills_pct

MODEL = "model"
Means = dict[str, np.ndarray]
"""A measure's mean per group: one group for all windows, one per step, or one per series."""


@dataclass(frozen=True)
class Judged:
    """Forecasts of the same windows by a model and its baselines, beside what came true."""

    series_ids: list[str]
    ahead: np.ndarray
    """Calendar steps from the origin to each target (H,)."""
    series: np.ndarray
    """Series number of each window (W,)."""
    position: np.ndarray
    """Calendar position of each origin (W,)."""
    time: np.ndarray
    """UTC time of each window's first target (W,)."""
    last: np.ndarray
    """Value at each origin (W,)."""
    actual: np.ndarray
    forecasts: dict[str, np.ndarray]
    """Forecasts (W, H) of MODEL and of every baseline."""
    lower: np.ndarray
    upper: np.ndarray
    unit: np.ndarray
    """Unit of MASE of each window (W,): its series' mean absolute change per step in the training
    rows; NaN where it never moved."""
    interval: float | None
    """Nominal coverage of lower..upper, as a fraction; None: unknown."""

    @property
    def reach(self) -> int:
        """Return the calendar steps from an origin to its last target."""
        return int(self.ahead[-1])


def join_judged(parts: list[Judged]) -> Judged:
    """Return the windows of several parts of the same series as one."""
    first = parts[0]
    rows = ("series", "position", "time", "last", "actual", "lower", "upper", "unit")
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in rows
    }
    joined["forecasts"] = {
        name: np.concatenate([part.forecasts[name] for part in parts]) for name in first.forecasts
    }
    return replace(first, **joined)


def scaled_losses(judged: Judged, name: str) -> np.ndarray:
    """Return a method's mean absolute error per window in units of MASE (W,), NaN without unit."""
    return np.abs(judged.forecasts[name] - judged.actual).mean(axis=1) / judged.unit


def make_metrics(judged: Judged) -> tuple[Means, Means, Means]:
    """Compute every metric over all windows (1,), by step (H,) and by series (S,).

    A baseline's carry its name in front. A metric is NaN where it is undefined: a direction where
    nothing moved, an error in units of a series that never did.
    """
    n_series = len(judged.series_ids)
    groups: tuple[dict[str, Means], ...] = ({}, {}, {})
    for name in judged.forecasts:
        for measure, values in _measure(judged, name):
            for group, means in zip(groups, _means(values, judged.series, n_series), strict=True):
                group.setdefault(name, {})[measure] = means
    named = [_name_metrics(group) for group in groups]
    return named[0], named[1], named[2]


def _measure(judged: Judged, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each measure of a method by window and step (W, H), NaN where it is undefined."""
    made, actual, last = judged.forecasts[name], judged.actual, judged.last[:, None]
    error = np.abs(made - actual)
    yield "mae", error
    yield "mse", error**2
    yield "mase", error / judged.unit[:, None]
    size = np.abs(made) + np.abs(actual)
    yield "smape_pct", 200 * error / np.where(size == 0, 1, size)
    moved = actual != last
    if (made != last).any():  # a method that never moves has no direction
        same_way = np.sign(made - last) == np.sign(actual - last)
        yield "direction_pct", np.where(moved, 100.0 * same_way, np.nan)
    if name != MODEL:
        return
    yield "rises", np.where(moved, 100.0 * (actual > last), np.nan)
    lower, upper = judged.lower, judged.upper
    yield "coverage_pct", 100.0 * ((lower <= actual) & (actual <= upper))
    yield "interval_width", upper - lower
    if judged.interval is not None:
        tail = (1 - judged.interval) / 2
        below, above = np.maximum(lower - actual, 0), np.maximum(actual - upper, 0)
        yield "interval_score", upper - lower + (below + above) / tail
        pinballs = [
            _pinball(actual - end, level)
            for end, level in ((lower, tail), (made, 0.5), (upper, 1 - tail))
        ]
        yield "pinball", sum(pinballs, np.zeros(())) / 3


def _pinball(error: np.ndarray, level: float) -> np.ndarray:
    return np.maximum(level * error, (level - 1) * error)


def _means(values: np.ndarray, series: np.ndarray, n_series: int) -> tuple[np.ndarray, ...]:
    """Return the means of the known values: of all (1,), by step (H,), by series (S,)."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    by_window, count = filled.sum(axis=1), known.sum(axis=1)
    return (
        _divide(by_window.sum(keepdims=True), count.sum(keepdims=True)),
        _divide(filled.sum(axis=0), known.sum(axis=0)),
        _divide(np.bincount(series, by_window, n_series), np.bincount(series, count, n_series)),
    )


def _divide(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _name_metrics(group: dict[str, Means]) -> Means:
    """Return a group's metrics from the means of each method's measures."""
    model = dict(group[MODEL])
    rises = model.pop("rises")
    metrics: Means = {}
    for name, means in group.items():
        prefix = "" if name == MODEL else f"{name}_"
        shown = model if name == MODEL else means
        metrics |= {prefix + measure: values for measure, values in shown.items()}
        metrics[f"{prefix}rmse"] = np.sqrt(metrics.pop(f"{prefix}mse"))
    metrics["direction_majority_pct"] = np.maximum(rises, 100 - rises)
    headline = "mae" if np.isnan(metrics["mase"]).all() else "mase"
    for name in group:
        if name != MODEL:
            skill = skills_pct(metrics[headline], metrics[f"{name}_{headline}"])
            metrics["skill_pct" if name == "last_value" else f"skill_vs_{name}_pct"] = skill
    if "last_value" in group:
        for error in ("mae", "rmse"):
            naive = metrics[f"last_value_{error}"]
            unknown = np.full_like(naive, np.nan)
            metrics[f"{error}_ratio"] = np.divide(
                metrics[error], naive, out=unknown, where=naive > 0
            )
    return metrics
