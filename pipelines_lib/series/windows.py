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


def make_origins(
    inputs_known: np.ndarray,
    *,
    offsets: np.ndarray,
    lookback: int,
    sampling_rate: int = 1,
    targets_known: np.ndarray | None = None,
    horizon: int = 0,
    stride: int = 1,
) -> np.ndarray:
    """Return the origins of all complete windows, in row order.

    A window is complete when all its lookback steps lie in its series and have known inputs, and
    all its horizon steps (if any) lie in its series and have a known target.

    Args:
        inputs_known: True where a row's inputs are all known (N,).
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
    fits = (in_series >= reach) & (to_end >= horizon * sampling_rate)
    fits &= (in_series - reach) % stride == 0
    origins = np.flatnonzero(fits)
    unknown_inputs = _strided_count(~inputs_known, sampling_rate)
    before = origins - lookback * sampling_rate
    missing = unknown_inputs[origins] - np.where(
        before >= 0, unknown_inputs[np.maximum(before, 0)], 0
    )
    if horizon:
        assert targets_known is not None
        unknown_targets = _strided_count(~targets_known, sampling_rate)
        missing += unknown_targets[origins + horizon * sampling_rate] - unknown_targets[origins]
    return origins[missing == 0]


def _strided_count(flags: np.ndarray, rate: int) -> np.ndarray:
    """Return how many of the rows i, i - rate, i - 2 rate, ... are flagged, for each row i."""
    padded = np.zeros(-(-len(flags) // rate) * rate, dtype=np.int64)
    padded[: len(flags)] = flags
    return padded.reshape(-1, rate).cumsum(axis=0).ravel()[: len(flags)]
