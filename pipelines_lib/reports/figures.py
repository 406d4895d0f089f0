"""Pictures: each function makes one matplotlib Figure from a frame, without global state."""

import base64
import io

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK, MODEL, NAIVE, BAND, ALARM = "#1f2933", "#0b6fa4", "#b8860b", "#0b6fa4", "#c0392b"
LABELS = {
    "last_value": "last value",
    "drift": "drift",
    "seasonal_naive": "seasonal naive",
}
BASELINES = {"last_value": NAIVE, "drift": "#8a9ba8", "seasonal_naive": "#c9b18a"}
VARIANTS = [MODEL, "#2a9d8f", "#8e5aa8", "#d1495b", "#5c7a29", "#e07a1f"]
"""Colours of models side by side, none of them a baseline's."""
BARS = 24
"""Steps ahead beyond which lines say more than bars."""
LEGEND_COLUMNS = 6
DPI = 110
DATA_URI = "data:image/png;base64,"


def draw_forecast_path(
    paths: pd.DataFrame, *, series_id: str, unit: str, model: str = "model"
) -> Figure:
    """Draw one-step forecasts on held-out rows against the truth and the last value.

    `paths` has `time`, `actual`, `forecast`, `lower`, `upper`, `last_value` of one series; `model`
    is what people call the model.
    """
    figure, axes = make_axes(f"{series_id}: one-step forecast on held-out rows", unit)
    time = paths["time"]
    axes.fill_between(time, paths["lower"], paths["upper"], color=BAND, alpha=0.15, lw=0)
    axes.plot(time, paths["actual"], color=INK, lw=1.4, label="actual")
    axes.plot(time, paths["last_value"], color=NAIVE, lw=1.0, ls=":", label="last value")
    axes.plot(time, paths["forecast"], color=MODEL, lw=1.2, label=f"{model}, with interval")
    return finish(figure)


def draw_next_steps(
    history: pd.DataFrame, forecast: pd.DataFrame, *, series_id: str, unit: str
) -> Figure:
    """Draw the newest observations (`time`, `value`) and the forecast after them."""
    figure, axes = make_axes(f"{series_id}: next {len(forecast)} steps", unit)
    last = history.iloc[-1]
    time = [last["time"], *forecast["time"]]
    axes.plot(history["time"], history["value"], color=INK, lw=1.4, label="observed")
    lower, upper = [last["value"], *forecast["lower"]], [last["value"], *forecast["upper"]]
    axes.fill_between(time, lower, upper, color=BAND, alpha=0.18, lw=0)
    axes.plot(
        time, [last["value"], *forecast["value"]], color=MODEL, lw=1.6, marker=".", label="forecast"
    )
    axes.axhline(last["value"], color=NAIVE, lw=1.0, ls=":", label="last value")
    return finish(figure)


def draw_error_by_horizon(
    by_horizon: pd.DataFrame, *, unit: str, measure: str = "mae", model: str = "model"
) -> Figure:
    """Draw the error of model and baselines per step ahead: bars, or lines where steps are many.

    Args:
        by_horizon: `step`, the measure of the model, and each baseline's as NAME_measure.
        unit: Unit of the measure.
        measure: A column, `mae` or `mase`.
        model: What people call the model.
    """
    title = {"mae": "Mean absolute error", "mase": "Mean absolute scaled error"}[measure]
    figure, axes = make_axes(f"{title} by step ahead, held-out rows", unit, dates=False)
    columns = {measure: (model, MODEL)}
    columns |= {f"{name}_{measure}": (LABELS[name], BASELINES[name]) for name in BASELINES}
    columns = {name: shown for name, shown in columns.items() if name in by_horizon}
    width, steps = 0.8 / len(columns), by_horizon["step"]
    for number, (name, (label, colour)) in enumerate(columns.items()):
        if len(steps) > BARS:
            axes.plot(steps, by_horizon[name], color=colour, lw=1.3, label=label)
        else:
            at = steps + (number - (len(columns) - 1) / 2) * width
            axes.bar(at, by_horizon[name], width, color=colour, label=label)
    if len(steps) > BARS:
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set_xticks(steps)  # one step alone would otherwise get fractions of a step
    axes.set_xlabel("steps ahead")
    return finish(figure)


def draw_losses(history: pd.DataFrame, *, best_epoch: int) -> Figure:
    """Draw training and validation loss per epoch (`epoch`, `train_loss`, `validation_loss`)."""
    figure, axes = make_axes("Loss by epoch, scaled values", "", dates=False)
    axes.plot(history["epoch"], history["train_loss"], color=NAIVE, marker=".", label="training")
    axes.plot(
        history["epoch"], history["validation_loss"], color=MODEL, marker=".", label="validation"
    )
    axes.axvline(best_epoch, color=INK, lw=0.8, ls=":", label=f"kept: epoch {best_epoch}")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return finish(figure)


def draw_scores(
    scores: pd.DataFrame,
    events: pd.DataFrame,
    history: pd.DataFrame,
    *,
    series_id: str,
    unit: str,
) -> Figure:
    """Draw a series (`time`, `value`) above its scores and threshold, its events shaded."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    top.plot(history["time"], history["value"], color=INK, lw=1.1)
    top.set_ylabel(unit)
    top.set_title(f"{series_id}: series, score, events", loc="left", fontsize=10, color=INK)
    bottom.plot(scores["time"], scores["score"], color=MODEL, lw=1.0, label="score")
    bottom.plot(
        scores["time"], scores["threshold"], color=ALARM, lw=1.0, ls="--", label="threshold"
    )
    bottom.set_ylim(bottom=0)
    bottom.set_ylabel("score (log)")
    half = pd.Timedelta(0) if len(history) < 2 else history["time"].diff().median() / 2
    for axes in (top, bottom):
        for _, event in events.iterrows():
            axes.axvspan(event["start"] - half, event["end"] + half, color=ALARM, alpha=0.25, lw=0)
        tidy(axes)
    use_dates(bottom)
    return finish(figure)


def as_data_uri(figure: Figure) -> str:
    """Return a figure as a data URI, so that a page needs no second file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return DATA_URI + base64.b64encode(buffer.getvalue()).decode()


def make_axes(title: str, unit: str, *, dates: bool = True) -> tuple[Figure, Axes]:
    """Return a wide figure with one pair of axes; `unit` is the vertical one's label."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_ylabel(unit)
    tidy(axes)
    if dates:
        use_dates(axes)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Leave of the frame only what a reader needs."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e7eb", lw=0.6)
    axes.tick_params(labelsize=8, colors=INK)
    axes.margins(x=0.01)
    axes.set_axisbelow(True)


def use_dates(axes: Axes) -> None:
    """Write dates on the horizontal axis, as short as they can be."""
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def finish(figure: Figure) -> Figure:
    """Put the legend above the axes."""
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    columns = min(len(handles), LEGEND_COLUMNS)
    figure.legend(
        handles, labels, loc="outside upper right", frameon=False, fontsize=8, ncols=columns
    )
    return figure
