"""Judge forecasts beside the baselines on the very same rows.

Shapes: W windows, H horizon. Errors are compared across series by MASE: the absolute error over
the series' mean absolute change per step in the training rows (Hyndman and Koehler 2006).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.errors import TrainingError
from pipelines_lib.forecasting.metrics import (
    MODEL,
    Judged,
    join_judged,
    make_metrics,
    scaled_losses,
)
from pipelines_lib.forecasting.ranking import rank_metrics
from pipelines_lib.series.features import previous_values
from pipelines_lib.series.panel import Panel


@dataclass(frozen=True)
class Evaluation:
    """What a forecaster and its baselines did on held-out rows.

    `metrics`: fixed names, errors in units, shares in percent; one that is undefined is left out.
    `by_horizon`, `by_series`: the same names, a row per step or series, NaN where undefined.
    `losses`: mean scaled error per window (W,) by method. `judged`: what all of it is made from.
    """

    metrics: dict[str, float]
    by_horizon: pd.DataFrame
    by_series: pd.DataFrame
    losses: dict[str, np.ndarray]
    judged: Judged

    @property
    def skill_pct(self) -> float:
        """Return the skill against the last value, in percent."""
        return self.metrics["skill_pct"]

    @cached_property
    def paths(self) -> pd.DataFrame:
        """Return the one-step forecasts with the truth, for pictures."""
        judged = self.judged
        return pd.DataFrame(
            {
                "series_id": np.array(judged.series_ids, dtype=object)[judged.series],
                "time": judged.time,
                "actual": judged.actual[:, 0],
                "forecast": judged.forecasts[MODEL][:, 0],
                "lower": judged.lower[:, 0],
                "upper": judged.upper[:, 0],
                "last_value": judged.last,
            }
        )


def name_model(config: ForecasterConfig) -> str:
    """Return what people call a config's model, such as `segment GRU` or `linear`."""
    recurrent = config.model in ("last_step", "seq2seq", "segment")
    name = config.model.replace("_", "-" if recurrent else " ")
    return f"{name} {config.cell.upper()}" if recurrent else name


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
    interval: float | None = None,
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
        interval: Nominal coverage of the ends, as a fraction; None: the losses that need it,
            pinball and interval score, are left out.

    Raises:
        TrainingError: A forecast is not finite.
    """
    series = panel.row_series[origins]
    value, lower, upper = forecast
    broken = ~(np.isfinite(value) & np.isfinite(lower) & np.isfinite(upper)).all(axis=1)
    if broken.any():
        name = panel.series_ids[series[np.argmax(broken)]]
        raise TrainingError(
            f"the forecast of series {name} is not finite: lower training.learning_rate, or look "
            "for extreme values in the series"
        )
    position = panel.position[origins]
    return evaluate_judged(
        Judged(
            series_ids=panel.series_ids,
            ahead=ahead,
            series=series,
            position=position,
            time=panel.calendar.times(position + ahead[0]),
            last=level[origins],
            actual=level[origins[:, None] + ahead],
            forecasts={MODEL: value, **baselines},
            lower=lower,
            upper=upper,
            unit=np.where(scale > 0, scale, np.nan)[series],
            interval=interval,
        )
    )


def evaluate_judged(judged: Judged) -> Evaluation:
    """Compute every metric of windows that were forecast."""
    overall, by_step, by_series = make_metrics(judged)
    ranks, ranks_by_step = rank_metrics(judged)
    counts = np.bincount(judged.series, minlength=len(judged.series_ids))
    metrics = {name: float(value[0]) for name, value in overall.items()} | ranks
    metrics["test_windows"] = float(len(judged.series))
    metrics["test_series"] = float((counts > 0).sum())
    steps = {"step": np.arange(1, len(judged.ahead) + 1)}
    series = pd.DataFrame({"series_id": judged.series_ids, "windows": counts, **by_series})
    return Evaluation(
        {name: value for name, value in metrics.items() if not np.isnan(value)},
        pd.DataFrame({**steps, **by_step, **ranks_by_step}),
        series[series["windows"] > 0].reset_index(drop=True),
        {name: scaled_losses(judged, name) for name in judged.forecasts},
        judged,
    )


def join_evaluations(parts: list[Evaluation]) -> Evaluation:
    """Judge the windows of several evaluations of the same series as one."""
    return evaluate_judged(join_judged([part.judged for part in parts]))
