"""Periodicity check: does a series repeat itself, and after how many steps?"""

import numpy as np
from scipy.signal import detrend, find_peaks

MIN_STRENGTH = 0.2
"""A peak of the autocorrelation below this names no period."""
PROMINENCE = 0.1
"""And so does one that rises less than this above its surroundings."""


def find_period(
    values: np.ndarray,
    *,
    min_period: int = 3,
    max_period: int = 400,
    min_strength: float = MIN_STRENGTH,
    prominence: float = PROMINENCE,
) -> int | None:
    """Return the dominant period in steps, None if there is none.

    The first of the highest peaks of the autocorrelation of the linearly detrended values, by FFT;
    a later peak must be clearly higher (by 0.05) to be preferred to an earlier one, so that the
    period wins over its multiples.

    Args:
        values: One series (n,), NaN skipped at the ends and bridged linearly inside.
        min_period: Shortest period considered.
        max_period: Longest period considered, at most a third of the series.
        min_strength: Least autocorrelation of a period.
        prominence: Least rise of its peak above the surroundings.
    """
    correlation = _autocorrelation(values)
    if correlation is None or len(correlation) < 3 * min_period:
        return None
    longest = min(max_period, len(correlation) // 3)
    peaks, _ = find_peaks(correlation[: longest + 2], prominence=prominence)
    peaks = peaks[(peaks >= min_period) & (peaks <= longest)]
    peaks = peaks[correlation[peaks] >= min_strength]
    if len(peaks) == 0:
        return None
    near_best = peaks[correlation[peaks] >= correlation[peaks].max() - 0.05]
    return int(near_best[0])


def autocorrelation_at(values: np.ndarray, lag: int) -> float:
    """Return the autocorrelation of the detrended values (n,) at a lag; 0 if it cannot be told."""
    correlation = _autocorrelation(values)
    if correlation is None or lag >= len(correlation):
        return 0.0
    return float(correlation[lag])


def _autocorrelation(values: np.ndarray) -> np.ndarray | None:
    """Return the autocorrelation of the detrended values by lag, None of a constant series."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 3:
        return None
    steps = np.arange(known[0], known[-1] + 1)
    whole = detrend(np.interp(steps, known, values[known]))
    power = np.abs(np.fft.rfft(whole, n=2 * len(whole))) ** 2
    correlation = np.fft.irfft(power)[: len(whole)]
    if correlation[0] <= 1e-12 * max(1.0, np.abs(values[known]).max() ** 2):
        return None
    return correlation / correlation[0]
