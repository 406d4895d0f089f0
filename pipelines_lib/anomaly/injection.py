"""Anomalies put into copies of real series, to judge a detector where nobody has labelled anything.

Shapes: N rows of the sample, K injections.
"""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.tampering import (
    KINDS,
    Kind,
    least_of,
    level_of,
    robust_sigma,
    stretch_length,
    tamper,
    with_level,
)
from pipelines_lib.errors import ConfigError
from pipelines_lib.series.panel import Panel

SIZES = {"small": 3.0, "medium": 6.0, "large": 12.0}
"""Sizes that a table of detection rates goes through, in the units of `inject_anomalies`."""
SPIKE_SIGMAS = 5.0
SHARE = 0.01
SERIES_AT_MOST = 40


@dataclass(frozen=True)
class Injected:
    """A sample of series with anomalies in them, and where they are."""

    panel: Panel
    anomalous: np.ndarray
    """Whether a row of the panel was tampered with (N,)."""
    start: np.ndarray
    """First row of each injection (K,)."""
    end: np.ndarray
    """Last row of each injection, inclusive (K,)."""
    series: np.ndarray
    """Number, in the panel, of the series of each injection (K,)."""


def inject_anomalies(
    panel: Panel,
    *,
    column: str,
    since: int,
    kind: Kind,
    size: float,
    seed: int,
    period: int | None = None,
) -> Injected:
    """Put one anomaly of a kind into each of at most 40 series, at random from `since` on.

    A stretch is a period long, or 20 steps; behind it the series goes on as it was.

    - spike, drop: one step, `size` step changes up or down;
    - variance: normal noise of `size` step changes on every step of a stretch;
    - level_shift: a stretch stands `size` / 6 levels higher or lower;
    - trend: a ramp that reaches `size` / 6 levels, up or down, at the end of a stretch;
    - flat_line: the value before the stretch, repeated;
    - phase: the values of a third of a period earlier; without a period the stretch backwards;
    - missing: nothing observed, in any column.

    A step change is the robust standard deviation (1.4826 MAD) of the column's one-step changes
    before `since`, a level that of its values: shifts of several levels leave all that was ever
    seen, and tell detectors apart no longer. A price has no usual level: of bars' prices everything
    is measured in log returns, a shift in `size` step changes, a ramp in `size` standard deviations
    of a walk over the stretch. The last three kinds have no height: their stretch is `size` / 6
    times as long.

    The whole bar moves by the same factor as its price, so that prices stay above 0; a volume
    stays at or above 0. A series is left alone that has too few steps since `since`, no changes
    before it, or nothing there that would change.

    Args:
        panel: The series; it is not changed.
        column: The column that is tampered with.
        since: First calendar position that may change.
        kind: What happens.
        size: How much of it, above 0.
        seed: Of places, signs and noise.
        period: Steps after which the series repeat; None: unknown.

    Raises:
        ConfigError: The kind is unknown.
    """
    if kind not in KINDS:
        raise ConfigError(f"anomaly kind {kind!r} is unknown: take one of {', '.join(KINDS)}")
    sample, rng = take_sample(panel), np.random.default_rng(seed)
    level, is_price = level_of(sample, column)
    tampered, spans = level.copy(), []
    for number in range(len(sample.series_ids)):
        first, stop = sample.offsets[number], sample.offsets[number + 1]
        late = int(np.searchsorted(sample.position[first:stop], since))
        place = _place(level[first:stop], late, stretch_length(kind, size, period), rng)
        if place is None:
            continue
        begin, end = place
        stretch = tamper(
            level[first:stop], late, begin, end, kind=kind, size=size, period=period, rng=rng,
            is_price=is_price,
        )  # fmt: skip
        rows = slice(first + begin, first + end)
        if kind != "missing":  # else what was not observed stays so, and nothing is lost
            both = np.isfinite(stretch) & np.isfinite(level[rows])
            stretch = np.where(both, np.maximum(stretch, least_of(column)), level[rows])
        if not np.array_equal(stretch, level[rows], equal_nan=True):
            tampered[rows] = stretch
            spans.append((first + begin, first + end - 1, number))
    start, last, series = np.array(spans, dtype=int).reshape(-1, 3).T
    anomalous = _mark(start, last, len(level))
    changed = with_level(sample, column, anomalous, level, tampered, is_price=is_price)
    if kind == "missing":
        changed.values[anomalous] = np.nan
    return Injected(changed, anomalous, start, last, series)


def inject_spikes(panel: Panel, *, column: str, since: int, seed: int) -> tuple[Panel, np.ndarray]:
    """Add one-step spikes to a column of a sample of series, several to each.

    A spike is 5 robust standard deviations of the column's one-step change before `since`, up or
    down, at about 1 % of the later steps. Units and bars: as in `inject_anomalies`.

    Args:
        panel: The series; it is not changed.
        column: The column that spikes.
        since: First calendar position where spikes may stand.
        seed: Of the choice of places and signs.

    Returns:
        A panel of the sample with the spikes, and which of its rows are anomalous (N,): the
        spike and, as its way back is as sudden, the step after it.
    """
    sample, rng = take_sample(panel), np.random.default_rng(seed)
    level, is_price = level_of(sample, column)
    tampered, spiked = level.copy(), np.zeros(len(level), dtype=bool)
    after = np.zeros(len(level), dtype=bool)
    for number in range(len(sample.series_ids)):
        rows = np.arange(sample.offsets[number], sample.offsets[number + 1])
        late = int(np.searchsorted(sample.position[rows], since))
        unit = robust_sigma(np.diff(level[rows][:late]))
        places = rows[late:][np.isfinite(level[rows[late:]])]
        if unit == 0 or len(places) < 3:
            continue
        places = rng.choice(places[:-1], size=max(1, round(SHARE * len(places))), replace=False)
        tampered[places] += rng.choice([-1.0, 1.0], size=len(places)) * SPIKE_SIGMAS * unit
        spiked[places] = after[places + 1] = True
    changed = with_level(sample, column, spiked, level, tampered, is_price=is_price)
    return changed, spiked | after


def take_sample(panel: Panel) -> Panel:
    """Return the panel of at most 40 of the series, evenly spread over them."""
    n_series = len(panel.series_ids)
    chosen = np.linspace(0, n_series - 1, min(SERIES_AT_MOST, n_series))
    return take_series(panel, np.unique(chosen.astype(int)))


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
        panel.covariates_of(rows),
    )


def _place(
    level: np.ndarray, late: int, length: int, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Return begin and end (exclusive) of a stretch that has a step before and one behind it.

    It begins at a known step; None: it does not fit.
    """
    earliest = max(late, 1)
    begins = np.arange(earliest, max(earliest, len(level) - length))
    begins = begins[np.isfinite(level[begins]) & np.isfinite(level[begins - 1])]
    if len(begins) == 0:
        return None
    begin = int(rng.choice(begins))
    return begin, begin + length


def _mark(start: np.ndarray, end: np.ndarray, n_rows: int) -> np.ndarray:
    """Return which rows lie in a span (N,)."""
    edges = np.zeros(n_rows + 1, dtype=int)
    edges[start] += 1
    np.subtract.at(edges, end + 1, 1)
    return np.cumsum(edges[:-1]) > 0
