"""Which series and windows a model may learn from: what forecaster and detector share."""

import numpy as np

from pipelines_lib.errors import SeriesError, shown
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.splits import Split
from pipelines_lib.series.windows import make_origins


def find_usable_series(
    panel: Panel, values: np.ndarray, *, rows: np.ndarray, need: int
) -> tuple[np.ndarray, dict[str, str]]:
    """Return which series have something to learn from (S,), and why the others have not.

    Args:
        panel: The series.
        values: What is learned (N, F), NaN where unknown.
        rows: True for the training rows (N,).
        need: Known steps that a series must have among them.

    Raises:
        SeriesError: No series is usable, or a value is infinite.
    """
    if np.isinf(values).any():
        series = panel.series_ids[panel.row_series[np.flatnonzero(np.isinf(values).any(axis=1))[0]]]
        raise SeriesError(f"series {series} has infinite values: correct the source, ingest again")
    known = rows & np.isfinite(values).all(axis=1)
    series, n_series = panel.row_series[known], len(panel.series_ids)
    count = np.bincount(series, minlength=n_series)
    low = np.full((n_series, values.shape[1]), np.inf)
    high = -low
    np.minimum.at(low, series, values[known])
    np.maximum.at(high, series, values[known])
    short = count < need
    constant = ~short & (low == high).all(axis=1)
    left_out = {
        panel.series_ids[number]: (
            f"{count[number]} complete steps before the split, {need} are needed"
            if short[number]
            else f"constant over its {count[number]} training steps: nothing to learn"
        )
        for number in np.flatnonzero(short | constant)
    }
    if len(left_out) == n_series:
        name, reason = next(iter(left_out.items()))
        raise SeriesError(
            f"none of {n_series} series can be learned from; series {name}: {reason}. "
            "Ingest more history, lower lookback, horizon or split.*_steps, or choose other series"
        )
    return ~(short | constant), left_out


def refuse_unknown_series(wanted: list[str], panel: Panel, field: str) -> None:
    """Raise a SeriesError if `field` names a series that the panel does not have."""
    unknown = sorted(set(wanted) - set(panel.series_ids))
    if unknown:
        raise SeriesError(
            f"{field} names {shown(unknown)}, the dataset has {shown(panel.series_ids)}: "
            f"correct {field}"
        )


def make_part_origins(
    panel: Panel,
    split: Split,
    *,
    run: np.ndarray,
    lookback: int,
    sampling_rate: int,
    targets_known: np.ndarray | None = None,
    horizon: int = 0,
    stride: int = 1,
    train_series: list[str],
) -> dict[str, np.ndarray]:
    """Return the origins of train, validation, calibration and test windows.

    `run` (N,) counts the known steps in a row that end at each row; `lookback` of them make a
    window. A window belongs to the part that holds all its targets; without a horizon, its origin. The
    stride and `train_series` (empty: all) apply to the training windows only.
    """
    parts = {}
    for name, span in vars(split).items():
        origins = make_origins(
            run,
            offsets=panel.offsets,
            lookback=lookback,
            sampling_rate=sampling_rate,
            targets_known=targets_known,
            horizon=horizon,
            stride=stride if name == "train" else 1,
        )
        position = panel.position[origins]
        first = position + (sampling_rate if horizon else 0)
        parts[name] = origins[span.holds(first, position + horizon * sampling_rate)]
    if train_series:
        wanted = np.isin(panel.series_ids, train_series)
        parts["train"] = parts["train"][wanted[panel.row_series[parts["train"]]]]
    return parts


def explain_unready(panel: Panel, run: np.ndarray, series: np.ndarray, need: int) -> dict[str, str]:
    """Say of each numbered series how many complete steps end at its last row, and the need."""
    newest = run[panel.offsets[1:] - 1]
    return {
        panel.series_ids[number]: (
            f"only its newest {newest[number]} steps have every feature, a window needs {need}"
        )
        for number in series
    }
