"""Chronological splits over calendar positions, the same dates for every series.

A window belongs to a part when all its targets lie in it; its lookback may reach into the past.
"""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.config import SplitConfig
from pipelines_lib.errors import SeriesError


@dataclass(frozen=True)
class Span:
    """Calendar positions from `first` to `last`, both inclusive."""

    first: int
    last: int

    def holds(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return True where first..last lies within the span."""
        return (first >= self.first) & (last <= self.last)


@dataclass(frozen=True)
class Split:
    """Train, validation, calibration and test, oldest first, a gap between each two."""

    train: Span
    validation: Span
    calibration: Span
    test: Span


def make_split(*, first: int, last: int, config: SplitConfig, lookback: int, horizon: int) -> Split:
    """Divide the positions first..last, counting the parts back from the newest.

    Args:
        first: Oldest position of the data.
        last: Newest position.
        config: Lengths of the parts.
        lookback: Steps from the first to the last input of a window.
        horizon: Steps from the origin to the last target; the gap is at least this.

    Raises:
        SeriesError: What is left for training is shorter than lookback + horizon.
    """
    gap = max(config.gap_steps, horizon)
    ends, end = [], last
    for steps in (config.test_steps, config.calibration_steps, config.validation_steps):
        if steps < horizon:
            raise SeriesError(
                f"a part of {steps} steps cannot hold a horizon of {horizon}: raise "
                "split.*_steps or lower the horizon"
            )
        ends.append(Span(end - steps + 1, end))
        end = end - steps - gap
    test, calibration, validation = ends
    train = Span(first, end)
    have, need = train.last - train.first + 1, lookback + horizon
    if have < need:
        raise SeriesError(
            f"too little history: {last - first + 1} steps leave {max(have, 0)} for training, "
            f"lookback + horizon need {need}; ingest more, or lower lookback, horizon or "
            "split.*_steps"
        )
    return Split(train, validation, calibration, test)


@dataclass(frozen=True)
class Fold:
    """One step of walking forward: train, then test after a gap."""

    train: Span
    test: Span


def walk_forward_folds(
    *,
    first: int,
    last: int,
    n_folds: int,
    test_steps: int,
    gap: int,
    train_steps: int | None = None,
) -> list[Fold]:
    """Return folds whose tests follow each other and end at `last`, oldest first.

    Args:
        first: Oldest position of the data.
        last: Newest position.
        n_folds: Number of folds.
        test_steps: Length of each test.
        gap: Positions left out between train and test; at least the horizon.
        train_steps: Length of a sliding train part; None: it expands from `first`.

    Raises:
        SeriesError: The history is too short for the oldest fold.
    """
    folds = []
    for number in range(n_folds, 0, -1):
        test = Span(last - number * test_steps + 1, last - (number - 1) * test_steps)
        end = test.first - gap - 1
        start = first if train_steps is None else end - train_steps + 1
        if start < first or end < start:
            raise SeriesError(
                f"too little history: {last - first + 1} steps do not hold {n_folds} folds of "
                f"{test_steps} with a gap of {gap}; lower n_folds, test_steps or train_steps"
            )
        folds.append(Fold(Span(start, end), test))
    return folds
