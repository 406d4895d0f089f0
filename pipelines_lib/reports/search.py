"""The pictures of a search: how it went on, what each field did, and which mattered."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from pipelines_lib.config.space import Choices, Dimension
from pipelines_lib.reports.figures import ALARM, INK, MODEL, NAIVE

COLUMNS = 3


def draw_search(
    trials: pd.DataFrame,
    dimensions: Sequence[Dimension],
    *,
    last_value_mase: float,
    weights: dict[str, float],
) -> dict[str, Figure]:
    """Draw a table of trials: `history`, `fields`, and `weights` where there are any.

    Args:
        trials: `trial`, `state`, `mase` and a column for each field that was varied.
        dimensions: What was varied.
        last_value_mase: MASE of the last value on the rows that the trials were judged on.
        weights: Share of the differences in MASE that each field explains.
    """
    figures = {
        "history": _draw_history(trials, last_value_mase),
        "fields": _draw_fields(trials, dimensions),
    }
    if weights:
        figures["weights"] = _draw_weights(weights)
    return figures


def _draw_history(trials: pd.DataFrame, last_value_mase: float) -> Figure:
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    _tidy(axes, "Trials on the selection rows")
    complete = trials[trials["state"] == "complete"]
    axes.plot(complete["trial"], complete["mase"], "o", color=MODEL, ms=4, label="complete")
    axes.step(
        complete["trial"], complete["mase"].cummin(), where="post", color=INK, lw=1.2, label="best"
    )
    bottom = axes.get_xaxis_transform()
    for state, colour in (("pruned", NAIVE), ("failed", ALARM)):
        ended = trials.loc[trials["state"] == state, "trial"]
        axes.plot(
            ended, np.full(len(ended), 0.02), "|", color=colour, ms=9, transform=bottom, label=state
        )
    axes.axhline(last_value_mase, color=NAIVE, lw=1.0, ls=":", label="last value")
    axes.set_xlabel("trial")
    axes.set_ylabel("MASE")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside upper right", frameon=False, fontsize=8, ncols=5)
    return figure


def _draw_fields(trials: pd.DataFrame, dimensions: Sequence[Dimension]) -> Figure:
    """Draw the MASE of the complete trials over each field, later trials darker."""
    complete = trials[trials["state"] == "complete"]
    columns = min(COLUMNS, len(dimensions))
    rows = -(-len(dimensions) // columns)
    figure = Figure(figsize=(3 * columns, 2.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, dimension in zip(grid, dimensions, strict=False):
        values = complete[dimension.path]
        if isinstance(dimension, Choices):
            names = [str(value) for value in dimension.values]
            values = values.map(str).map({name: number for number, name in enumerate(names)})
            axes.set_xlim(-0.5, len(names) - 0.5)
            axes.set_xticks(range(len(names)), names)
        elif dimension.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
        elif dimension.integer:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.scatter(
            values.astype(float),
            complete["mase"],
            c=complete["trial"],
            cmap="Blues",
            vmin=-0.5 * len(trials),
            s=18,
            edgecolors=INK,
            linewidths=0.4,
        )
        _tidy(axes, dimension.path)
    for axes in grid[len(dimensions) :]:
        axes.set_visible(False)
    for axes in grid[::columns]:
        axes.set_ylabel("MASE")
    return figure


def _draw_weights(weights: dict[str, float]) -> Figure:
    ordered = sorted(weights.items(), key=lambda item: item[1])
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(ordered)), layout="constrained")
    axes = figure.subplots()
    axes.barh([path for path, _ in ordered], [100 * w for _, w in ordered], color=MODEL)
    _tidy(axes, "Share of the differences in MASE that a field explains")
    axes.set_xlabel("percent")
    return figure


def _tidy(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e7eb", lw=0.6)
    axes.tick_params(labelsize=8, colors=INK)
    axes.set_axisbelow(True)
