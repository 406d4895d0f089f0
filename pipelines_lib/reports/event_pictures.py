"""Pictures of events, and of what a detector finds of injected anomalies."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines_lib.anomaly.explanation import Explanation
from pipelines_lib.reports.figures import ALARM, BAND, INK, MODEL, tidy, use_dates

RECONSTRUCTION = "#2a9d8f"
SCORE = "#8e5aa8"
SPARSE = 60
"""Observed steps up to which each is marked, so that single ones between gaps are seen."""
DARK = 55
"""Percent from which a cell of the table is written in white."""


def draw_event(explanation: Explanation) -> Figure:
    """Draw a series with what was expected of it above its score and threshold; the event shaded.

    What the explanation does not have (forecast, interval, reconstruction) is left out.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    _draw_series(top, explanation)
    _draw_score(bottom, explanation)
    half = explanation.step / 2
    for axes in (top, bottom):
        axes.axvspan(
            explanation.start - half, explanation.end + half, color=ALARM, alpha=0.13, lw=0
        )
        tidy(axes)
    top.set_xlim(explanation.time[0] - half, explanation.time[-1] + half)
    use_dates(bottom)
    handles, labels = top.get_legend_handles_labels()
    more, names = bottom.get_legend_handles_labels()
    figure.legend(
        handles + more,
        labels + names,
        loc="outside lower center",
        frameon=False,
        fontsize=8,
        ncols=len(labels + names),
    )
    return figure


def _draw_series(axes: Axes, e: Explanation) -> None:
    marker = "." if np.isfinite(e.value).sum() <= SPARSE else None
    # What is expected lies below the series, so that a good forecast does not hide it.
    if (np.isfinite(e.lower) & np.isfinite(e.upper)).any():
        axes.fill_between(
            e.time, e.lower, e.upper, color=BAND, alpha=0.15, lw=0, label="forecast's interval"
        )
    if np.isfinite(e.forecast).any():
        axes.plot(e.time, e.forecast, color=MODEL, lw=1.2, label="forecast")
    if np.isfinite(e.reconstruction).any():
        axes.plot(
            e.time, e.reconstruction, color=RECONSTRUCTION, lw=1.2, ls="--", label="reconstruction"
        )
    axes.plot(e.time, e.value, color=INK, lw=1.1, marker=marker, ms=4, label="observed")
    at_peak = e.time == e.peak
    if np.isfinite(e.value[at_peak]).any():
        axes.plot(e.time[at_peak], e.value[at_peak], "o", color=ALARM, ms=5, label="peak")
    axes.set_ylabel(f"{e.column} ({e.unit})" if e.unit else e.column, parse_math=False)
    title = f"{e.series_id}: event of {pd.Timestamp(e.start):%Y-%m-%d %H:%M}"
    if e.step >= np.timedelta64(1, "D"):
        title = title[: -len(" 00:00")]
    axes.set_title(title, loc="left", fontsize=10, color=INK, parse_math=False)


def _draw_score(axes: Axes, e: Explanation) -> None:
    known = np.isfinite(e.score)
    marker = "." if known.sum() <= SPARSE else None
    axes.plot(e.time, e.score, color=SCORE, lw=1.1, marker=marker, ms=4, label="score")
    axes.plot(e.time, e.threshold, color=ALARM, lw=1.0, ls="--", label="threshold")
    at_peak = e.time == e.peak
    axes.plot(e.time[at_peak], e.score[at_peak], "o", color=ALARM, ms=5)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("score (log)")


def draw_detection_rates(rates: pd.DataFrame) -> Figure:
    """Draw the share of injected anomalies found, by kind and size, as a table in shades.

    `rates`: what `detection_rates` returns; a cell says the percent found and, where it is not 0,
    the percent that would be found by chance.
    """
    kinds, sizes = list(rates["kind"].unique()), list(rates["size"].unique())
    found = rates.pivot(index="kind", columns="size", values="detected_pct")
    chance = rates.pivot(index="kind", columns="size", values="chance_pct")
    found, chance = found.loc[kinds, sizes], chance.loc[kinds, sizes]
    figure = Figure(figsize=(1.6 + 1.3 * len(sizes), 0.9 + 0.36 * len(kinds)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(found.fillna(0), cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for row, kind in enumerate(kinds):
        for column, size in enumerate(sizes):
            percent, by_chance = found.loc[kind, size], chance.loc[kind, size]
            if np.isnan(percent):
                text = "none"
            else:
                text = f"{percent:.0f} %"
                text += f" ({by_chance:.0f})" if by_chance >= 0.5 else ""
            colour = "white" if percent >= DARK else INK
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(sizes)), sizes)
    axes.set_yticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds])
    axes.tick_params(length=0, labelsize=8, colors=INK)
    axes.spines[:].set_visible(False)
    title = "Injected anomalies found, percent (by chance)"
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    return figure


def rates_to_markdown(rates: pd.DataFrame) -> str:
    """Return detection rates as a markdown table, a row for each kind and size."""
    lines = [
        "| kind | size | injected | found | by chance | false alarms per 1,000 | median delay "
        "| echo, steps |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rates.to_dict("records"):
        percents = [_shown(row[name], ".0f", " %") for name in ("detected_pct", "chance_pct")]
        alarms = _shown(row["false_alarms_per_1000"], ".2f", "")
        delay, echo = _shown(row["median_delay"], "g", ""), _shown(row["echo_steps"], ".1f", "")
        cells = [row["kind"].replace("_", " "), row["size"], f"{row['n']:,}", *percents]
        lines.append(f"| {' | '.join([*cells, alarms, delay, echo])} |")
    return "\n".join(lines)


def _shown(value: float, form: str, unit: str) -> str:
    return "-" if np.isnan(value) else f"{value:{form}}{unit}"
