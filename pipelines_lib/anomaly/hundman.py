"""The dynamic threshold of Hundman et al. 2018, on past scores instead of the window it judges.

"Detecting spacecraft anomalies using LSTMs and nonparametric dynamic thresholding", KDD 2018,
section 3.2 and 3.3.
"""

import numpy as np

Z = np.arange(2.0, 10.25, 0.5)
DROP = 0.13
"""Pruning: the share by which a run must rise above the next lower one."""


def find_level(scores: np.ndarray, breaks: np.ndarray) -> float:
    """Return the level that separates the high scores best.

    Of mean + z standard deviations, z in 2, 2.5 .. 10, the one that lowers mean and deviation of
    the scores up to it most, in shares, for each score above it and square of the runs above it;
    of equals the highest. Without any score above the lowest, the highest.

    Args:
        scores: Past scores in order of time (M,), not all equal.
        breaks: Where a score does not follow the one before (M,).
    """
    ranked = np.sort(scores)
    mean, spread = float(ranked.mean()), float(ranked.std())
    levels = mean + Z * spread
    best, found = 0.0, float(levels[-1])
    for level, n_below in zip(levels, np.searchsorted(ranked, levels, side="right"), strict=True):
        if n_below == len(ranked):
            break
        below = ranked[:n_below]
        gain = (mean - below.mean()) / mean + (spread - below.std()) / spread
        n_runs = np.count_nonzero(_run_starts(scores > level, breaks))
        rating = float(gain / (len(ranked) - n_below + n_runs**2))
        if rating >= best:
            best, found = rating, float(level)
    return found


def find_pruned_level(scores: np.ndarray, breaks: np.ndarray, level: float) -> float:
    """Return the level that a score must pass so that it is not pruned.

    Pruning ranks the peaks of the runs above the level, then the highest score up to it, and drops
    the runs after the last fall by more than 13 %. Here the past gives the ranks and a judged
    step is held against them by itself, so that it knows no later one. A step is then kept where
    it lies that much above the first peak after the last fall; without a fall, above all.

    Args:
        scores: Past scores in order of time (M,).
        breaks: Where a score does not follow the one before (M,).
        level: What `find_level` returned; at least one score lies up to it.
    """
    above = scores > level
    starts = _run_starts(above, breaks)
    peaks = np.zeros(np.count_nonzero(starts))
    np.maximum.at(peaks, np.cumsum(starts)[above] - 1, scores[above])
    heights = np.append(np.sort(peaks)[::-1], scores[~above].max())
    falls = np.flatnonzero(heights[1:] < (1 - DROP) * heights[:-1])
    after = heights[falls[-1] + 1] if len(falls) else heights[0]
    return float(after) / (1 - DROP)


def _run_starts(above: np.ndarray, breaks: np.ndarray) -> np.ndarray:
    """Return where a run of scores above a level begins."""
    follows = np.append(False, above[:-1]) & ~breaks
    return above & ~follows
