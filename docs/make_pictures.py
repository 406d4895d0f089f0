"""Make the pictures of docs/*.md from embedded data: `python docs/make_pictures.py`."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from deployments.jobs import find_job, resolve_parameters
from pipelines_lib.anomaly.detection_rates import detection_rates
from pipelines_lib.anomaly.events import find_events
from pipelines_lib.anomaly.explain import DetectorView, explain_event
from pipelines_lib.anomaly.explanation import describe_event
from pipelines_lib.anomaly.fit import FittedDetector, fit_detector
from pipelines_lib.anomaly.injection import SIZES, inject_anomalies
from pipelines_lib.anomaly.tampering import KINDS
from pipelines_lib.config import DatasetConfig, DetectorConfig, ForecasterConfig, SplitConfig
from pipelines_lib.forecasting.backtest import run_backtest
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.reports.backtest import draw_backtest
from pipelines_lib.reports.event_pictures import draw_detection_rates, draw_event, rates_to_markdown
from pipelines_lib.reports.figures import ALARM, BAND, INK, MODEL, NAIVE, finish, tidy
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
        "injected": draw_injected(),
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


def draw_injected() -> Figure:
    """Draw each kind of anomaly in a noisy daily wave, of medium size."""
    steps = np.arange(400)
    noise = np.random.default_rng(1).normal(0, 0.3, len(steps))
    panel = make_hourly(20 + 4 * np.sin(2 * np.pi * steps / 24) + noise, name="wave", unit="degC")[
        0
    ]
    figure = Figure(figsize=(9, 7), layout="constrained")
    for axes, kind in zip(figure.subplots(4, 2, sharex=True).flat, KINDS, strict=True):
        injected = inject_anomalies(
            panel,
            column="value",
            since=int(panel.position[300]),
            kind=kind,
            size=SIZES["medium"],
            seed=3,
            period=24,
        )
        shown = slice(280, 400)
        axes.plot(
            steps[shown], panel.column("value")[shown], color=NAIVE, lw=0.8, label="as it was"
        )
        axes.plot(
            steps[shown], injected.panel.column("value")[shown], color=INK, lw=1.1, label="injected"
        )
        first, last = int(injected.start[0]), int(injected.end[0])
        axes.axvspan(first - 0.5, last + 0.5, color=ALARM, alpha=0.13, lw=0)
        axes.set_title(kind.replace("_", " "), loc="left", fontsize=10, color=INK)
        tidy(axes)
    return finish(figure)


def draw_found() -> dict[str, Figure]:
    """Draw what the detector of the job `synthetic-spikes` finds in ten waves, and one event."""
    fitted, panel = fit_waves()
    detector, first = fitted.detector, fitted.split.test.first
    column, period = detector.dataset.target, detector.dataset.source.period

    def score(judged: Panel) -> pd.DataFrame:
        since = np.full(len(judged.series_ids), first)
        return detector.score_panel(judged, since=since)[0]

    rates = detection_rates(
        panel, score=score, column=column, since=first, seed=0, repeats=3, period=period
    )
    print(rates_to_markdown(rates))
    shifted = inject_anomalies(
        panel,
        column=column,
        since=first,
        kind="level_shift",
        size=SIZES["medium"],
        seed=0,
        period=period,
    ).panel
    scores = score(shifted).assign(scorer="docs")
    events = find_events(scores, calendar=panel.calendar, config=detector.event_config)
    event = events.iloc[0].to_dict()
    of_series = scores[scores["series_id"] == event["series_id"]]
    explanation = explain_event(DetectorView(detector, shifted), event, of_series)
    print(
        describe_event(
            explanation,
            event_id=event["event_id"],
            severity=event["severity"],
            p_value=event["p_value"],
            state=event["state"],
        )
    )
    return {"detection_rates": draw_detection_rates(rates), "event": draw_event(explanation)}


def fit_waves() -> tuple[FittedDetector, Panel]:
    """Fit the detector of the job `synthetic-spikes` to ten waves without an anomaly."""
    parameters = resolve_parameters(find_job("synthetic-spikes"))
    dataset: DatasetConfig = parameters["dataset"]
    config: DetectorConfig = parameters["detector"]
    waves = {"n_series": 10, "n_steps": 1500, "anomalies": False}
    dataset = dataset.model_copy(update={"source": dataset.source.model_copy(update=waves)})
    source = SineSource(dataset)
    rows = source.fetch_rows(dict.fromkeys(source.list_series()), end=None).rows
    panel = make_panel(rows, calendar=make_calendar(dataset), columns=dataset.columns)
    split = SplitConfig(validation_steps=100, calibration_steps=300, test_steps=400)
    config = config.model_copy(update={"split": split})
    unlabelled = pd.DataFrame({"series_id": [], "time": []})
    return fit_detector(panel, dataset=dataset, config=config, device=CPU, labels=unlabelled), panel


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
