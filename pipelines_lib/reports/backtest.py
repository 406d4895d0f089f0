"""The pictures of a backtest."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipelines_lib.config.backtest import BASE
from pipelines_lib.forecasting.backtest import BacktestResult
from pipelines_lib.forecasting.evaluation import name_model
from pipelines_lib.forecasting.metrics import MODEL, Judged
from pipelines_lib.reports.figures import (
    BARS,
    BASELINES,
    INK,
    LABELS,
    NAIVE,
    VARIANTS,
    draw_error_by_horizon,
    draw_forecast_path,
    finish,
    make_axes,
    tidy,
)
from pipelines_lib.series.panel import Panel

DOTS = 25
"""Series up to which each has a line of its own in the picture of skill."""


def draw_backtest(result: BacktestResult, panel: Panel, *, unit: str) -> dict[str, Figure]:
    """Draw error by horizon and by fold, skill by series, coverage by step, and an example.

    Errors of several series are scaled, since a mean of prices would only speak of the dearest.
    """
    base = result.overall[BASE]
    several = base.metrics["test_series"] > 1 and "mase" in base.metrics
    measure, shown = ("mase", "MASE") if several else ("mae", f"MAE {unit}".strip())
    newest = result.folds[-1].evaluations[BASE]
    series = _typical_series(newest.by_series)
    example = newest.paths[newest.paths["series_id"] == series]
    return {
        "error_by_horizon": draw_error_by_horizon(
            base.by_horizon, unit=shown, measure=measure, model=name_model(result.configs[BASE])
        ),
        "error_by_fold": draw_error_by_fold(result, measure=measure, unit=shown),
        "skill_by_series": draw_skill_by_series(
            {name: made.by_series for name, made in result.overall.items()}
        ),
        "coverage_by_step": draw_coverage_by_step(
            {name: made.by_horizon for name, made in result.overall.items()},
            {name: 100 * config.interval for name, config in result.configs.items()},
        ),
        "forecast_1": draw_forecast_path(
            example, series_id=series, unit=unit, model=name_model(result.configs[BASE])
        ),
        "example": draw_example(newest.judged, panel, series_id=series, unit=unit),
    }


def draw_error_by_fold(result: BacktestResult, *, measure: str, unit: str) -> Figure:
    """Draw the error of every method in each fold, and below it the variants' skill.

    Folds differ more than methods do where some are restless, so that only the skill against the
    last value shows a small difference. A ring marks a fold that was fitted anew.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    top.set_title("Error by fold, held-out rows", loc="left", fontsize=10, color=INK)
    top.set_ylabel(unit)
    bottom.set_title("Skill against the last value", loc="left", fontsize=10, color=INK)
    bottom.set_ylabel("%")
    folds = np.arange(1, len(result.folds) + 1)
    refitted = [fold.refitted for fold in result.folds]
    for name in result.baselines:
        error = _by_fold(result, BASE, f"{name}_{measure}")
        top.plot(folds, error, lw=1.6, ls=":", marker=".", color=BASELINES[name])
        bottom.plot([], [], lw=1.6, ls=":", marker=".", color=BASELINES[name], label=LABELS[name])
    bottom.axhline(0, color=BASELINES["last_value"], lw=1.6, ls=":")
    for number, name in enumerate(result.configs):
        colour = VARIANTS[number % len(VARIANTS)]
        for axes, metric in ((top, measure), (bottom, "skill_pct")):
            value = _by_fold(result, name, metric)
            axes.plot(folds, value, color=colour, lw=1.6, marker=".", label=name)
            axes.scatter(
                folds[refitted], value[refitted], s=70, facecolors="none", edgecolors=colour, lw=0.9
            )
    for axes in (top, bottom):
        tidy(axes)
        axes.margins(x=0.05)
    bottom.set_xticks(folds, [_days(fold.evaluations[BASE].judged) for fold in result.folds])
    bottom.set_xlabel("days forecast in the fold; a ring: fitted anew")
    return finish(figure)


def draw_skill_by_series(by_series: dict[str, pd.DataFrame]) -> Figure:
    """Draw each variant's skill against the last value over the series: dots, or a histogram."""
    first = next(iter(by_series.values()))
    known = {name: table["skill_pct"].dropna().to_numpy() for name, table in by_series.items()}
    if len(first) <= DOTS:
        figure, axes = make_axes("Skill against the last value by series", "skill, %", dates=False)
        at = np.arange(len(first))
        for number, (name, table) in enumerate(by_series.items()):
            colour = VARIANTS[number % len(VARIANTS)]
            beside = at + 0.12 * (number - (len(by_series) - 1) / 2)
            axes.plot(beside, table["skill_pct"], color=colour, marker="o", ls="", ms=5, label=name)
        axes.axhline(0, color=NAIVE, lw=1.2, ls=":", label="last value")
        axes.set_xticks(at, first["series_id"], rotation=0 if len(first) <= 10 else 60)
        axes.margins(x=0.05)
        return finish(figure)
    figure, axes = make_axes("Skill against the last value by series", "series", dates=False)
    low, high = np.percentile(np.concatenate(list(known.values())), [1, 99])
    n_bins = int(np.clip(len(first) // 5, 10, 40))
    bins = list(np.linspace(float(low), float(high), n_bins + 1))
    for number, (name, skill) in enumerate(known.items()):
        colour = VARIANTS[number % len(VARIANTS)]
        share = 100 * (skill > 0).mean()
        label = f"{name}, {share:.0f} % above 0"
        axes.hist(
            np.clip(skill, low, high), bins, histtype="step", color=colour, lw=1.5, label=label
        )
        axes.axvline(np.median(skill), color=colour, lw=1.0, ls="--")
    axes.axvline(0, color=NAIVE, lw=1.2, ls=":", label="last value")
    axes.set_xlabel("skill, %; dashed: the median; the outermost 1 % at the ends")
    return finish(figure)


def draw_coverage_by_step(by_horizon: dict[str, pd.DataFrame], nominal: dict[str, float]) -> Figure:
    """Draw the share of truth within the interval by step, beside what the interval promises."""
    figure, axes = make_axes("Truth within the interval, by step ahead", "%", dates=False)
    for value in sorted(set(nominal.values())):
        axes.axhline(value, color=INK, lw=1.0, ls="--", label=f"nominal {value:.0f} %")
    lowest = min(nominal.values())
    for number, (name, table) in enumerate(by_horizon.items()):
        colour = VARIANTS[number % len(VARIANTS)]
        marker = "o" if len(table) <= BARS else ""
        axes.plot(
            table["step"], table["coverage_pct"], color=colour, marker=marker, ms=4, label=name
        )
        lowest = min(lowest, table["coverage_pct"].min())
    axes.set_ylim(max(0, lowest - 10), 100)
    axes.set_xlabel("steps ahead")
    axes.margins(x=0.03)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return finish(figure)


def draw_example(judged: Judged, panel: Panel, *, series_id: str, unit: str) -> Figure:
    """Draw forecasts of the whole horizon that follow each other, over what came true."""
    steps_ahead = len(judged.ahead)
    title = f"{series_id}: {steps_ahead} steps at once, one forecast after the other, newest fold"
    figure, axes = make_axes(title, unit)
    ours = np.flatnonzero(judged.series == judged.series_ids.index(series_id))
    ours = ours[np.argsort(judged.position[ours])][::steps_ahead]
    steps = judged.position[ours][:, None] + np.concatenate([[0], judged.ahead])
    time = panel.calendar.times(steps.ravel()).reshape(steps.shape)
    last = judged.last[ours][:, None]
    lines = {
        name: np.concatenate([last, values[ours]], axis=1)
        for name, values in (
            ("actual", judged.actual),
            ("forecast", judged.forecasts[MODEL]),
            ("lower", judged.lower),
            ("upper", judged.upper),
        )
    }
    axes.plot(time.ravel(), lines["actual"].ravel(), color=INK, lw=1.4, label="actual")
    for number, when in enumerate(time):  # a gap between two forecasts
        band = (lines["lower"][number], lines["upper"][number])
        axes.fill_between(when, *band, color=VARIANTS[0], alpha=0.15, lw=0)
        label = "forecast, with interval" if number == 0 else None
        axes.plot(when, lines["forecast"][number], color=VARIANTS[0], lw=1.4, label=label)
    return finish(figure)


def _typical_series(by_series: pd.DataFrame) -> str:
    """Return the series of median skill: neither the best nor the worst is an example."""
    ranked = by_series.sort_values("skill_pct", na_position="first", ignore_index=True)
    return str(ranked["series_id"].iloc[len(ranked) // 2])


def _by_fold(result: BacktestResult, variant: str, metric: str) -> np.ndarray:
    metrics = [fold.evaluations[variant].metrics for fold in result.folds]
    return np.array([each.get(metric, np.nan) for each in metrics])


def _days(judged: Judged) -> str:
    first, last = (str(time)[:10] for time in (judged.time.min(), judged.time.max()))
    return f"{first}\nto {last}"
