"""The pictures of docs/anomalies.md, from embedded data."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from deployments.jobs import find_job, resolve_parameters
from pipelines_lib.anomaly.detection_rates import detection_rates
from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.events import find_events
from pipelines_lib.anomaly.explain import INTERVAL, DetectorView, explain_event
from pipelines_lib.anomaly.explanation import describe_event
from pipelines_lib.anomaly.fit import FittedDetector, fit_detector
from pipelines_lib.anomaly.injection import SIZES, inject_anomalies
from pipelines_lib.anomaly.tampering import KINDS
from pipelines_lib.config import DatasetConfig, DetectorConfig, SplitConfig
from pipelines_lib.reports.event_pictures import (
    SCORE,
    draw_detection_rates,
    draw_event,
    rates_to_markdown,
)
from pipelines_lib.reports.figures import ALARM, BAND, INK, MODEL, NAIVE, finish, tidy, use_dates
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.features import make_features
from pipelines_lib.series.panel import Panel, make_panel
from pipelines_lib.sources.market import MarketSource
from pipelines_lib.sources.sine import SineSource

CPU = torch.device("cpu")
UNLABELLED = pd.DataFrame({"series_id": [], "time": []})
Hourly = Callable[..., tuple[Panel, DatasetConfig]]


def draw_score(make_hourly: Hourly) -> Figure:
    """Draw a noisy sine with three anomalies: what was forecast of it, its score, its events."""
    step = np.arange(1800)
    value = np.sin(2 * np.pi * step / 50)
    value += 0.1 * np.random.default_rng(5).normal(size=len(step))
    value[1180] += 2.5
    value[1360:1390] = value[1360]
    value[1580:1620] += 1.2
    panel, dataset = make_hourly(value, name="wave", unit="")
    split = SplitConfig(validation_steps=100, calibration_steps=300, test_steps=700)
    fitted = fit_detector(
        panel,
        dataset=dataset,
        config=DetectorConfig(split=split, events={"max_gap": 40}),
        device=CPU,
        labels=UNLABELLED,
    )
    detector, first = fitted.detector, fitted.split.test.first
    scores = detector.score_panel(panel, since=np.array([first]))[0]
    events = find_events(
        scores.assign(scorer="docs"), calendar=panel.calendar, config=detector.event_config
    )
    forecast, lower, upper = forecast_wave(detector, panel, before=1100)
    shown = slice(1110, 1800)
    time = panel.times(np.arange(len(step)))[shown]
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    bottom.fill_between([], [], [], color=BAND, alpha=0.2, lw=0, label="interval")
    top.fill_between(time, lower[shown], upper[shown], color=BAND, alpha=0.2, lw=0)
    for axes, line, colour, name in (
        (top, forecast, MODEL, "forecast"),
        (top, value, INK, "observed"),
    ):
        axes.plot(time, line[shown], color=colour, lw=1.0)
        bottom.plot([], [], color=colour, lw=1.0, label=name)
    late = scores[scores["time"] >= pd.Timestamp(time[0], tz="UTC")]
    bottom.plot(late["time"], late["score"], color=SCORE, lw=1.1, label="score")
    bottom.plot(late["time"], late["threshold"], color=ALARM, lw=1.0, ls="--", label="threshold")
    bottom.set_ylim(bottom=0)
    bottom.set_ylabel("score (log)")
    for axes in (top, bottom):
        for event in events.itertuples():
            axes.axvspan(event.start, event.end, color=ALARM, alpha=0.13, lw=0)
        tidy(axes)
    use_dates(bottom)
    return finish(figure)


def forecast_wave(
    detector: Detector, panel: Panel, *, before: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the forecasts of one series (N,) and the ends of their interval.

    The interval is that of the residuals of the steps before `before`.
    """
    stretch = detector.make_stretch(panel)
    wanted = np.ones(len(stretch.run), dtype=bool)
    expected = detector.parts["forecast"].expected(stretch, wanted)
    assert expected is not None
    scaler = detector.scaler_of(panel, make_features(panel, detector.features))
    forecast = expected[:, 0] * scaler.scale[0, 0] + scaler.center[0, 0]
    residual = (panel.column("value") - forecast)[:before]
    low, high = np.nanquantile(residual, INTERVAL)
    return forecast, forecast + low, forecast + high


def draw_market_day() -> Figure:
    """Draw a day on which all shares fall beside one on which a single one does."""
    dataset = DatasetConfig(
        name="market",
        source={"kind": "synthetic-market", "n_series": 20, "n_steps": 700, "anomalies": False},
        calendar="XKRX",
    )
    source = MarketSource(dataset)
    rows = source.fetch_rows(dict.fromkeys(source.list_series()), end=None).rows
    panel = make_panel(rows, calendar=make_calendar(dataset), columns=dataset.columns)
    split = SplitConfig(validation_steps=60, calibration_steps=120, test_steps=60)
    fitted = fit_detector(
        panel,
        dataset=dataset,
        config=DetectorConfig(split=split),
        device=CPU,
        labels=UNLABELLED,
    )
    last, one = panel.last_position, panel.series_ids[0]
    everywhere, alone = last - 40, last - 15
    mine = panel.row_series == 0
    for name in ("open", "high", "low", "close"):
        prices = panel.column(name)
        prices[panel.position >= everywhere] *= np.exp(-0.08)
        prices[(panel.position >= alone) & mine] *= np.exp(-0.08)
    since = np.full(len(panel.series_ids), fitted.split.test.first)
    scores = fitted.detector.score_panel(panel, since=since)[0]
    scores = scores[scores["series_id"] == one]
    features = 100 * make_features(panel, ["close_return", "relative_return"])
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    returns, relative, bottom = figure.subplots(3, 1, sharex=True)
    late = panel.position > last - 60
    for axes, number, label in (
        (returns, 0, "return (%)"),
        (relative, 1, "relative return (%)"),
    ):
        for series in reversed(range(len(panel.series_ids))):
            some = late & (panel.row_series == series)
            time = panel.times(np.flatnonzero(some))
            colour, width = (NAIVE, 0.5) if series else (INK, 1.3)
            axes.plot(time, features[some, number], color=colour, lw=width)
        axes.set_ylabel(label)
    bottom.plot([], [], color=INK, lw=1.3, label="one share")
    bottom.plot([], [], color=NAIVE, lw=0.5, label="the others")
    bottom.plot(scores["time"], scores["score"], color=SCORE, lw=1.1, label="its score")
    bottom.plot(
        scores["time"], scores["threshold"], color=ALARM, lw=1.0, ls="--", label="threshold"
    )
    bottom.set_ylim(bottom=0)
    bottom.set_ylabel("score (log)")
    half = np.timedelta64(12, "h")
    for axes in (returns, relative, bottom):
        for position, colour in ((everywhere, NAIVE), (alone, ALARM)):
            day = panel.calendar.times(np.array([position]))[0]
            axes.axvspan(day - half, day + half, color=colour, alpha=0.2, lw=0)
        tidy(axes)
    use_dates(bottom)
    return finish(figure)


def draw_injected(make_hourly: Hourly) -> Figure:
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
    return fit_detector(panel, dataset=dataset, config=config, device=CPU, labels=UNLABELLED), panel
