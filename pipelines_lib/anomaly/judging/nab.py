"""The score of the Numenta Anomaly Benchmark.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", 2015, in the form of
`nab/sweeper.py` of its code: the earliest alarm in a window earns up to 1, less the later it comes;
every alarmed step outside costs, less just after a window; a window without an alarm costs. The sum
over all files is stretched so that a detector without alarms has 0 and one at the first step of
every window 100.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.judging.flags import as_flags, as_ranges
from pipelines_lib.errors import SeriesError

PROBATION_SHARE, PROBATION_AT_MOST = 0.15, 750
STEEPNESS = 5.0
FAR = 3.0
"""Window widths after a window from which an alarm costs its full weight."""


@dataclass(frozen=True)
class Profile:
    """What a false alarm and a missed window cost; a window found at once earns 1."""

    false_alarm: float
    missed: float


PROFILES = {
    "standard": Profile(false_alarm=0.11, missed=1.0),
    "reward_low_fp": Profile(false_alarm=0.22, missed=1.0),
    "reward_low_fn": Profile(false_alarm=0.11, missed=2.0),
}


@dataclass(frozen=True)
class NabFile:
    """One file: `alarms` (n,), a flag a row, and `windows` (k, 2), rows inclusive and disjoint."""

    alarms: np.ndarray
    windows: np.ndarray


def probation_rows(n_rows: int) -> int:
    """Return how many first rows are not judged: 15 %, at most 750."""
    return min(int(PROBATION_SHARE * n_rows), PROBATION_AT_MOST)


def nab_scores(files: Iterable[NabFile]) -> dict[str, float]:
    """Return the score of each profile over all files, 0..100 and below 0 for worse than silence.

    Every alarmed row counts, not only the first of an event; rows of the probation never do, nor
    does a window that ends within it.

    Raises:
        SeriesError: No file has a window, so that 0 and 100 are the same.
    """
    parts = np.array([_parts(file) for file in files]).reshape(-1, 4)
    earned, cost, missed, windows = parts.sum(axis=0)
    if not windows:
        raise SeriesError("no file has an anomaly window; NAB's score needs at least one")
    return {
        name: float(
            100
            * (earned - profile.false_alarm * cost + profile.missed * (windows - missed))
            / (windows * (1 + profile.missed))
        )
        for name, profile in PROFILES.items()
    }


def _parts(file: NabFile) -> tuple[float, float, int, int]:
    """Return what a file's windows earned, its false alarms cost, windows missed and windows."""
    alarms = as_flags(file.alarms, "alarms")
    windows = as_ranges(file.windows, "windows", n_steps=len(alarms))
    probation = probation_rows(len(alarms))
    row = np.flatnonzero(alarms)
    row = row[row >= probation]
    start, end = windows.T
    width = end - start + 1
    entered = np.searchsorted(start, row, side="right") - 1
    inside = (entered >= 0) & (row <= end[entered]) if len(windows) else np.zeros(len(row), bool)
    found, first = np.unique(entered[inside], return_index=True)
    position = (end[found] - row[inside][first] + 1) / width[found]
    earned = _sigmoid(position) / _sigmoid(1.0)
    judged = int((end >= probation).sum())
    outside, left = row[~inside], entered[~inside]
    widths_past = np.full(len(outside), FAR)
    behind = left >= 0
    # A window of one row has no width to measure with: NAB divides by 0 there, we by one row.
    span = np.maximum(width[left[behind]] - 1, 1)
    widths_past[behind] = (outside[behind] - end[left[behind]]) / span
    cost = np.where(widths_past >= FAR, 1.0, _sigmoid(widths_past))
    return float(earned.sum()), float(cost.sum()), judged - len(found), judged


def _sigmoid(position: np.ndarray | float) -> np.ndarray:
    """Return NAB's weight of a distance in window widths: 0 at a window's end, near 1 far off."""
    return 2 / (1 + np.exp(-STEEPNESS * np.asarray(position))) - 1
