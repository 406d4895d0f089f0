"""Make the pictures of docs/*.md from embedded data: `python docs/make_pictures.py`."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from anomaly_pictures import draw_found, draw_injected, draw_market_day, draw_score
from matplotlib.figure import Figure

from deployments.jobs import find_job, resolve_parameters
from pipelines_lib.config import DatasetConfig, ForecasterConfig, SplitConfig
from pipelines_lib.forecasting.backtest import run_backtest
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.reports.backtest import draw_backtest
from pipelines_lib.reports.figures import BAND, INK, MODEL, finish, tidy
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import Panel, make_panel
from pipelines_lib.sources.sine import SineSource

CPU = torch.device("cpu")
METHODS = ("conformal", "local", "quantile", "conformal_quantile")


def main() -> None:
    """Write every picture into a folder."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=Path(__file__).with_name("images"))
    folder = options.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    drawn = draw_family() | {
        "intervals": draw_intervals(),
        "score": draw_score(make_hourly),
        "market_day": draw_market_day(),
        "injected": draw_injected(make_hourly),
        **draw_found(),
    }
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png", dpi=100)
        print(folder / f"{name}.png")


def draw_family() -> dict[str, Figure]:
    """Run the job `models` without a server and draw what a backtest draws."""
    parameters = resolve_parameters(find_job("models"))
    dataset: DatasetConfig = parameters["dataset"]
    rows = SineSource(dataset).fetch_rows({"sin": None, "cos": None}, end=None).rows
    panel = make_panel(rows, calendar=make_calendar(dataset), columns=dataset.columns)
    result = run_backtest(
        panel,
        dataset=dataset,
        config=parameters["forecaster"],
        backtest=parameters["backtest"],
        variants=parameters["variants"],
        device=CPU,
    )
    drawn = draw_backtest(result, panel, unit=dataset.unit)
    wanted = ("error_by_horizon", "error_by_fold", "coverage_by_step", "example")
    return {name: drawn[name] for name in wanted}


def draw_intervals() -> Figure:
    """Draw the four kinds of interval on a walk that is calm and wild by turns."""
    panel, dataset = make_uneven_walk()
    figure = Figure(figsize=(9, 7), layout="constrained")
    rows = figure.subplots(len(METHODS), 1, sharex=True, sharey=True)
    for axes, method in zip(rows, METHODS, strict=True):
        config = ForecasterConfig(
            horizon=5,
            features=[],
            hidden=16,
            interval_method=method,
            split=SplitConfig(validation_steps=200, calibration_steps=400, test_steps=400),
        )
        fitted = fit_forecaster(panel, dataset=dataset, config=config, device=CPU)
        forecaster, origins = fitted.forecaster, fitted.test_origins
        prepared = forecaster.prepare(panel)
        _, lower, upper = forecaster.forecast_windows(prepared, origins)
        time = panel.calendar.times(panel.position[origins] + 5)
        axes.fill_between(time, lower[:, -1], upper[:, -1], color=BAND, alpha=0.2, lw=0)
        axes.plot(time, panel.column("value")[origins + 5], color=INK, lw=0.9, label="actual")
        axes.plot([], [], color=MODEL, alpha=0.3, lw=6, label="5 steps ahead, nominal 90 %")
        coverage = fitted.evaluation.metrics["coverage_pct"]
        width = fitted.evaluation.metrics["interval_width"]
        title = f"{method}: {coverage:.1f} % within, mean width {width:.1f}"
        axes.set_title(title, loc="left", fontsize=10, color=INK)
        tidy(axes)
    return finish(figure)


def make_uneven_walk() -> tuple[Panel, DatasetConfig]:
    """Make a walk of 3,000 hourly steps whose moves are four times as large every other 150."""
    steps = np.arange(3000)
    size = np.where(steps // 150 % 2, 0.02, 0.005)
    value = 100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, size)))
    return make_hourly(value, name="walk", unit="")


def make_hourly(values: np.ndarray, *, name: str, unit: str) -> tuple[Panel, DatasetConfig]:
    """Make the panel of one series of hourly values, and its declaration."""
    dataset = DatasetConfig(
        name=name,
        kind="values",
        value_columns=["value"],
        target="value",
        unit=unit,
        calendar="fixed",
        step_minutes=60,
    )
    times = pd.date_range("2024-01-01", periods=len(values), freq="h", tz="UTC", unit="us")
    rows = pd.DataFrame({"series_id": name, "time": times, "value": values})
    return make_panel(rows, calendar=make_calendar(dataset), columns=("value",)), dataset


if __name__ == "__main__":
    main()
