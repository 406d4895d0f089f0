"""Rows of different lengths, one after another in one array."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """N rows of integers: row i is `values[starts[i] : starts[i + 1]]`."""

    values: np.ndarray
    """All rows' values (M,) int32."""
    starts: np.ndarray
    """Where each row begins, and the end (N + 1,) int64."""

    @classmethod
    def of(cls, values: np.ndarray, lengths: np.ndarray | Sequence[int]) -> "Ragged":
        """Cut values into rows of these lengths."""
        ends = np.cumsum(np.asarray(lengths, dtype=np.int64))
        return cls(values.astype(np.int32), np.concatenate(([0], ends)))

    @classmethod
    def join(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """Put the rows of several behind each other."""
        none = np.zeros(0, dtype=np.int64)
        return cls.of(
            np.concatenate([none, *(part.values for part in parts)]),
            np.concatenate([none, *(part.lengths for part in parts)]),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Return the length of each row (N,) int64."""
        return np.diff(self.starts)
