"""What a part of a score is: from scaled series to an error for every step and feature.

Shapes: N rows, F features, S series.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from pipelines_lib.anomaly.window import Window

BATCH = 1024
"""Windows that a network sees at once: always as many, so that one comes out the same in any
company."""


@dataclass(frozen=True)
class Stretch:
    """Scaled series, end to end.

    `inputs` (N, F): NaN where unknown. `offsets` (S+1,): series s lies in rows
    offsets[s]:offsets[s+1]. `run` (N,): steps in a row with all features known that end at each
    row. `mode`: in causal mode the error of a step must not depend on later ones.
    """

    inputs: np.ndarray
    offsets: np.ndarray
    run: np.ndarray
    window: Window
    mode: str
    device: torch.device

    @cached_property
    def row_series(self) -> np.ndarray:
        """Return the series number of each row (N,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @cached_property
    def in_series(self) -> np.ndarray:
        """Return the number of each row within its series, from 0 (N,)."""
        return np.arange(len(self.run)) - self.offsets[:-1][self.row_series]

    def origins(self, lookback: int) -> np.ndarray:
        """Return the rows at which a complete window ends."""
        return np.flatnonzero(self.run >= lookback)


class Part(Protocol):
    """One reason to find a step strange."""

    @property
    def name(self) -> str:
        """Return its name in a config and in the lake."""

    def errors(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return how wrong it was at each step (N, F), in scaled units or their squares, >= 0.

        NaN where it cannot say; rows that are not `wanted` (N,) may be NaN.
        """

    def expected(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray | None:
        """Return what it expected of each step (N, F), scaled; None: it expects nothing."""


def covering(wanted: np.ndarray, *, before: int, after: int) -> np.ndarray:
    """Return which rows lie at most `before` rows before or `after` rows after a wanted one (N,).

    Neighbouring series may gain rows: that costs a little, and changes no error.
    """
    total = np.concatenate([[0], np.cumsum(wanted)])
    row = np.arange(len(wanted))
    first, behind = np.maximum(row - after, 0), np.minimum(row + before + 1, len(wanted))
    return total[behind] > total[first]
