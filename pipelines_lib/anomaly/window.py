"""How long a detector's window is: by the period at which the series repeat themselves."""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.config import DetectorConfig
from pipelines_lib.series.periodicity import autocorrelation_at, find_period

NO_PERIOD = 125
"""Window of series that do not repeat themselves."""
AT_LEAST = 60
SEGMENTS = 10
SIGNIFICANT = 5.0
PROMINENCE = 0.07
"""A weak period is better for a window than none: its autocorrelation need only stand out from that
of noise, whose deviation is 1 / sqrt(n)."""
SAMPLE = 64
"""Series and features in which a period is looked for, at most."""


@dataclass(frozen=True)
class Window:
    """Steps: of the period (0: none), of a segment, of the window, of the smoothing.

    `strength` in [0, 1]: how periodic the series are.
    """

    period: int
    strength: float
    segment_steps: int
    lookback: int
    smoothing_steps: int

    @property
    def horizon(self) -> int:
        """Return the steps that the forecaster looks ahead: two segments."""
        return 2 * self.segment_steps


def choose_window(
    inputs: np.ndarray,
    *,
    offsets: np.ndarray,
    rows: np.ndarray,
    config: DetectorConfig,
    returns: bool,
) -> Window:
    """Choose the window of a detector from training rows.

    Without a lookback in the config it is the period, or as many whole periods as make 60 steps,
    but no more than a sixth of the median series; cut into about ten segments of at least 4 steps.
    Returns, which repeat nothing, have 30 steps and are not smoothed.

    Args:
        inputs: Scaled features (N, F), NaN where unknown.
        offsets: Series s lies in rows offsets[s]:offsets[s+1] (S+1,).
        rows: True for training rows (N,).
        config: The detector; what it gives is kept, a lookback rounded to whole segments.
        returns: Whether the features are returns and the like.
    """
    period, strength = config.period, 0.0
    lengths = np.diff(np.concatenate([[0], np.cumsum(rows)])[offsets])
    if returns and not period:
        wanted = config.lookback or 30
    else:
        found, strength = _common_period(inputs, offsets=offsets, rows=rows, period=period)
        period = found
        wanted = config.lookback or _whole_periods(found or NO_PERIOD)
        if not config.lookback:
            wanted = max(12, min(wanted, int(np.median(lengths[lengths > 0])) // 6))
    segment = max(4, round(wanted / SEGMENTS)) if wanted >= 12 else 1
    lookback = wanted
    if config.autoencoder == "segment" and wanted >= 12:
        lookback = segment * max(3, round(wanted / segment))
    smoothing = config.smoothing_steps or (1 if returns else lookback)
    return Window(period, strength, segment, lookback, smoothing)


def _whole_periods(period: int) -> int:
    return period if period >= AT_LEAST else period * -(-AT_LEAST // period)


def _common_period(
    inputs: np.ndarray, *, offsets: np.ndarray, rows: np.ndarray, period: int
) -> tuple[int, float]:
    """Return the period that most of a sample of series share, 0: none, and how strong it is."""
    n_series, n_features = len(offsets) - 1, inputs.shape[1]
    pairs = np.linspace(0, n_series * n_features - 1, min(SAMPLE, n_series * n_features))
    found, strengths = [], []
    for pair in np.unique(pairs.astype(int)):
        series, feature = divmod(int(pair), n_features)
        here = slice(offsets[series], offsets[series + 1])
        values = inputs[here, feature][rows[here]]
        noise = SIGNIFICANT / np.sqrt(max(1, np.isfinite(values).sum()))
        own = period or find_period(values, min_strength=noise, prominence=PROMINENCE)
        found.append(own or 0)
        strengths.append(max(0.0, autocorrelation_at(values, own)) if own else 0.0)
    periodic = np.array([p for p in found if p], dtype=int)
    if 2 * len(periodic) < len(found) or len(periodic) == 0:
        return 0, 0.0
    return int(np.median(periodic)), float(np.median(strengths))
