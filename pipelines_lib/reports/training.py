"""The pictures of a training run."""

from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipelines_lib.anomaly.events import find_events
from pipelines_lib.anomaly.fit import FittedDetector
from pipelines_lib.forecasting.evaluation import name_model
from pipelines_lib.forecasting.fit import FittedForecaster
from pipelines_lib.reports.figures import (
    draw_error_by_horizon,
    draw_forecast_path,
    draw_losses,
    draw_scores,
)
from pipelines_lib.training import TrainingResult

EXAMPLES = 3


def draw_forecaster(fitted: FittedForecaster, *, unit: str) -> dict[str, Figure]:
    """Draw losses where anything is trained, error by horizon, and a few one-step forecasts."""
    model = name_model(fitted.forecaster.config)
    figures = {"losses": _losses(fitted.training)} if fitted.training.history else {}
    figures["error_by_horizon"] = draw_error_by_horizon(
        fitted.evaluation.by_horizon, unit=unit, model=model
    )
    paths = fitted.evaluation.paths
    for number, name in enumerate(_examples(paths["series_id"]), start=1):
        rows = paths[paths["series_id"] == name]
        figures[f"forecast_{number}"] = draw_forecast_path(
            rows, series_id=name, unit=unit, model=model
        )
    return figures


def draw_detector(fitted: FittedDetector, *, unit: str) -> dict[str, Figure]:
    """Draw losses of each network, and held-out scores, threshold and events of a few series."""
    figures = {f"losses_{name}": _losses(trained) for name, trained in fitted.trainings.items()}
    held_out, panel = fitted.evaluation.scores, fitted.evaluation.judged
    events = find_events(
        held_out.assign(scorer="held out"),
        calendar=panel.calendar,
        config=fitted.detector.event_config,
    )
    with_events = events.sort_values("severity", ascending=False)["series_id"]
    target = panel.columns.index(fitted.detector.dataset.target)
    for number, name in enumerate(
        _examples(with_events) or _examples(held_out["series_id"]), start=1
    ):
        scores = held_out[held_out["series_id"] == name]
        series = panel.series_ids.index(name)
        rows = np.arange(panel.offsets[series], panel.offsets[series + 1])
        history = pd.DataFrame(
            {
                "time": pd.Series(panel.times(rows)).dt.tz_localize("UTC"),
                "value": panel.values[rows, target],
            }
        )
        figures[f"scores_{number}"] = draw_scores(
            scores,
            events[events["series_id"] == name],
            history[history["time"] >= scores["time"].min()],
            series_id=f"{name} ({fitted.evaluation.truth} anomalies, held-out rows)",
            unit=unit,
        )
    return figures


def _losses(training: TrainingResult) -> Figure:
    history = pd.DataFrame([asdict(epoch) for epoch in training.history])
    return draw_losses(history, best_epoch=training.best_epoch)


def _examples(names: pd.Series) -> list[str]:
    return [str(name) for name in names.drop_duplicates()[:EXAMPLES]]
