"""Anomalies put into real series, to judge a detector where nobody has labelled anything."""

import numpy as np

from pipelines_lib.series.features import previous_values
from pipelines_lib.series.panel import Panel

SPIKE_SIGMAS = 5.0
SHARE = 0.01
SERIES_AT_MOST = 40
PRICES = ("open", "high", "low", "close")


def inject_spikes(panel: Panel, *, column: str, since: int, seed: int) -> tuple[Panel, np.ndarray]:
    """Add one-step spikes to a column of a sample of series.

    A spike is 5 standard deviations of the column's one-step change before `since`, up or down,
    at about 1 % of the later steps. Where a bar's price spikes, the whole bar moves by the same
    factor.

    Args:
        panel: The series; it is not changed.
        column: The column that spikes.
        since: First calendar position where spikes may stand.
        seed: Of the choice of places and signs.

    Returns:
        A panel of the sample with the spikes, and which of its rows are anomalous (N,): the
        spike and, as its way back is as sudden, the step after it.
    """
    chosen = np.linspace(0, len(panel.series_ids) - 1, min(SERIES_AT_MOST, len(panel.series_ids)))
    sample = take_series(panel, np.unique(chosen.astype(int)))
    rng = np.random.default_rng(seed)
    values = sample.values.copy()
    level = sample.column(column)
    change = level - previous_values(sample, level)
    bars = column in PRICES and set(PRICES) <= set(sample.columns)
    moved = np.array([sample.columns.index(name) for name in (PRICES if bars else (column,))])
    anomalous = np.zeros(len(level), dtype=bool)
    for number in range(len(sample.series_ids)):
        rows = np.arange(sample.offsets[number], sample.offsets[number + 1])
        late = sample.position[rows] >= since
        sigma = np.nanstd(change[rows][~late]) if (~late).sum() > 2 else np.nan
        places = rows[late & np.isfinite(level[rows])]
        if not np.isfinite(sigma) or sigma == 0 or len(places) < 3:
            continue
        places = rng.choice(places[:-1], size=max(1, round(SHARE * len(places))), replace=False)
        size = rng.choice([-1.0, 1.0], size=len(places)) * SPIKE_SIGMAS * sigma
        if bars:
            factor = np.maximum(1 + size / level[places], 0.1)
            values[np.ix_(places, moved)] *= factor[:, None]
        else:
            values[places, moved[0]] += size
        anomalous[places] = anomalous[places + 1] = True
    return (
        Panel(
            sample.series_ids,
            sample.offsets,
            sample.position,
            values,
            sample.columns,
            sample.calendar,
        ),
        anomalous,
    )


def take_series(panel: Panel, numbers: np.ndarray) -> Panel:
    """Return the panel of some of the series, in this order."""
    rows = np.concatenate([np.arange(panel.offsets[s], panel.offsets[s + 1]) for s in numbers])
    lengths = np.diff(panel.offsets)[numbers]
    return Panel(
        [panel.series_ids[s] for s in numbers],
        np.concatenate([[0], np.cumsum(lengths)]),
        panel.position[rows],
        panel.values[rows],
        panel.columns,
        panel.calendar,
    )
