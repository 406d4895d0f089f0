"""Windows as row numbers: the series lie once as one array, batches are gathered by index.

A window is named by its origin: the row of its last lookback step. Nothing is copied per window.
"""

import numpy as np


def lookback_rows(lookback: int, sampling_rate: int = 1) -> np.ndarray:
    """Return the rows of a window relative to its origin, oldest first (L,): ..., -1, 0."""
    return np.arange(-(lookback - 1), 1) * sampling_rate


def horizon_rows(horizon: int, sampling_rate: int = 1) -> np.ndarray:
    """Return the rows of the horizon relative to the origin (H,): 1, 2, ..."""
    return np.arange(1, horizon + 1) * sampling_rate


def count_known(known: np.ndarray, *, offsets: np.ndarray, sampling_rate: int = 1) -> np.ndarray:
    """Return how many known steps in a row end at each row, within its series (N,).

    The steps are the rows i, i - rate, i - 2 rate, ...; 0 where row i itself is unknown.

    Args:
        known: True where a row is known (N,).
        offsets: Series s lies in rows offsets[s]:offsets[s+1] (S+1,).
        sampling_rate: Rows between steps.
    """
    lengths = np.diff(offsets)
    in_series = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    step = np.arange(len(known)) // sampling_rate
    # The last step that the run cannot hold: an unknown one, or the one before the series.
    barred = np.where(known, np.where(in_series < sampling_rate, step - 1, -1), step)
    phases = _by_phase(barred, sampling_rate)
    last_barred = np.maximum.accumulate(phases, axis=0).ravel()[: len(known)]
    return step - last_barred


def make_origins(
    run: np.ndarray,
    *,
    offsets: np.ndarray,
    lookback: int,
    sampling_rate: int = 1,
    targets_known: np.ndarray | None = None,
    horizon: int = 0,
    stride: int = 1,
) -> np.ndarray:
    """Return the origins of all complete windows, in row order.

    A window is complete when all its lookback steps lie in its series and are known, and all its
    horizon steps (if any) lie in its series and have a known target.

    Args:
        run: Known steps in a row that end at each row (N,), as `count_known` counts them.
        offsets: Series s lies in rows offsets[s]:offsets[s+1] (S+1,).
        lookback: Steps in, L >= 1.
        sampling_rate: Rows between the steps of a window.
        targets_known: True where a row's target is known (N,); needed if horizon > 0.
        horizon: Steps out, H >= 0.
        stride: Keep origins whose row number in the series is a multiple of it, counted from the
            first row that can be one.
    """
    lengths = np.diff(offsets)
    in_series = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    to_end = np.repeat(lengths, lengths) - 1 - in_series
    reach = (lookback - 1) * sampling_rate
    fits = (run >= lookback) & (to_end >= horizon * sampling_rate)
    fits &= (in_series - reach) % stride == 0
    origins = np.flatnonzero(fits)
    if not horizon:
        return origins
    assert targets_known is not None
    unknown = np.cumsum(_by_phase(~targets_known, sampling_rate), axis=0).ravel()
    missing = unknown[origins + horizon * sampling_rate] - unknown[origins]
    return origins[missing == 0]


def _by_phase(rows: np.ndarray, rate: int) -> np.ndarray:
    """Lay rows out so that column p holds the rows p, p + rate, p + 2 rate, ..., padded by 0."""
    padded = np.zeros(-(-len(rows) // rate) * rate, dtype=np.int64)
    padded[: len(rows)] = rows
    return padded.reshape(-1, rate)
