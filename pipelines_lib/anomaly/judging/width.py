"""The width by which true ranges are softened: the dominant period of the series."""

import numpy as np
from scipy.fft import next_fast_len
from scipy.signal import argrelmax

FALLBACK_STEPS = 125
FIRST_LAG, LAST_LAG, WIDEST = 3, 400, 303
NARROWEST = 6
HEAD_STEPS = 20_000


def find_width(values: np.ndarray) -> int:
    """Return the dominant autocorrelation period of a series in steps, 125 where there is none.

    The highest peak of the (biased) autocorrelation at lags 4..399 over the first 20,000 steps, if
    it lies at 6..303; the rule of TSB-AD, so that volumes compare with its tables.

    Args:
        values: (n,). A constant series, and one with a missing value there, has no period.
    """
    head = np.asarray(values, dtype=np.float64)[:HEAD_STEPS]
    if len(head) < FIRST_LAG + 1 or not np.ptp(head) > 0:
        return FALLBACK_STEPS
    padded = next_fast_len(2 * len(head) + 1, real=True)  # so that lags do not wrap around
    power = np.abs(np.fft.rfft(head - head.mean(), padded)) ** 2
    correlation = np.fft.irfft(power, padded)[FIRST_LAG : min(LAST_LAG + 1, len(head))]
    peaks = argrelmax(correlation)[0]
    if not len(peaks):
        return FALLBACK_STEPS
    period = int(peaks[np.argmax(correlation[peaks])]) + FIRST_LAG
    return period if NARROWEST <= period <= WIDEST else FALLBACK_STEPS
