"""Judge forecasts beside the baselines on the very same rows.

Shapes: W windows, H horizon. Errors are compared across series by MASE: the absolute error over
the series' mean absolute change per step in the training rows (Hyndman and Koehler 2006).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines_lib.comparison import skill_pct
from pipelines_lib.series.features import previous_values
from pipelines_lib.series.panel import Panel

MODEL = "lstm"


@dataclass(frozen=True)
class Evaluation:
    """What a forecaster and its baselines did on held-out rows.

    `metrics`: fixed names, errors in units, shares in percent. `by_horizon`: mean absolute error
    per step and method. `by_series`: the same per series, with the skill. `paths`: the one-step
    forecasts with the truth, for pictures. `losses`: mean scaled error per window (W,) by method.
    """

    metrics: dict[str, float]
    by_horizon: pd.DataFrame
    by_series: pd.DataFrame
    paths: pd.DataFrame
    losses: dict[str, np.ndarray]

    @property
    def skill_pct(self) -> float:
        """Return the skill against the last value, in percent."""
        return self.metrics["skill_pct"]


def step_scale(panel: Panel, level: np.ndarray, *, rows: np.ndarray, steps: int) -> np.ndarray:
    """Return each series' mean absolute change over `steps` steps in the marked rows (S,)."""
    change = np.abs(level - previous_values(panel, level, steps))
    mean = pd.Series(change[rows]).groupby(panel.row_series[rows]).mean()
    return mean.reindex(range(len(panel.series_ids))).to_numpy()


def evaluate_forecasts(
    *,
    panel: Panel,
    level: np.ndarray,
    origins: np.ndarray,
    ahead: np.ndarray,
    forecast: tuple[np.ndarray, np.ndarray, np.ndarray],
    baselines: dict[str, np.ndarray],
    scale: np.ndarray,
) -> Evaluation:
    """Compare forecasts with what came true.

    Args:
        panel: The series.
        level: The target in units (N,).
        origins: Rows that were forecast from (W,).
        ahead: Rows from the origin to each step (H,).
        forecast: Values, lower and upper ends (W, H), in units.
        baselines: Naive forecasts by name (W, H), in units.
        scale: Mean absolute change per step of each series (S,), the unit of MASE.
    """
    actual = level[origins[:, None] + ahead]
    last = level[origins][:, None]
    series = panel.row_series[origins]
    value, lower, upper = forecast
    methods = {MODEL: value, **baselines}
    error = {name: np.abs(made - actual) for name, made in methods.items()}
    unit = np.where(scale > 0, scale, np.nan)[series]  # a series that never moved has no unit
    losses = {name: e.mean(axis=1) / unit for name, e in error.items()}

    metrics: dict[str, float] = {}
    for name, made in methods.items():
        prefix = "" if name == MODEL else f"{name}_"
        metrics[f"{prefix}mae"] = float(error[name].mean())
        metrics[f"{prefix}rmse"] = float(np.sqrt(((made - actual) ** 2).mean()))
        metrics[f"{prefix}mase"] = float(np.nanmean(losses[name]))
    for name in baselines:
        skill = skill_pct(metrics["mase"], metrics[f"{name}_mase"])
        metrics["skill_pct" if name == "last_value" else f"skill_vs_{name}_pct"] = skill
    size = np.abs(value) + np.abs(actual)
    metrics["smape_pct"] = float(200 * np.mean(error[MODEL] / np.where(size == 0, 1, size)))
    moved = actual != last
    same_way = np.sign(value - last) == np.sign(actual - last)
    metrics["direction_pct"] = float(100 * same_way[moved].mean()) if moved.any() else 0.0
    metrics["coverage_pct"] = float(100 * ((lower <= actual) & (actual <= upper)).mean())
    metrics["interval_width"] = float((upper - lower).mean())
    metrics["test_windows"] = float(len(origins))
    metrics["test_series"] = float(len(np.unique(series)))

    return Evaluation(
        metrics,
        pd.DataFrame({"step": np.arange(1, len(ahead) + 1)}).assign(
            **{name: e.mean(axis=0) for name, e in error.items()}
        ),
        _by_series(panel, series, error),
        pd.DataFrame(
            {
                "series_id": np.array(panel.series_ids, dtype=object)[series],
                "time": panel.calendar.times(panel.position[origins] + ahead[0]),
                "actual": actual[:, 0],
                "forecast": value[:, 0],
                "lower": lower[:, 0],
                "upper": upper[:, 0],
                "last_value": last[:, 0],
            }
        ),
        losses,
    )


def _by_series(panel: Panel, series: np.ndarray, error: dict[str, np.ndarray]) -> pd.DataFrame:
    per_window = pd.DataFrame({name: e.mean(axis=1) for name, e in error.items()})
    table = per_window.groupby(series).mean()
    table.insert(0, "series_id", [panel.series_ids[number] for number in table.index])
    naive = table["last_value"].replace(0, np.nan)
    table["skill_pct"] = 100 * (1 - table[MODEL] / naive)
    return table.reset_index(drop=True)
