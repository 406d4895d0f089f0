"""Scores that thresholds are fitted on, each with its series and time.

Shapes: M scores.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines_lib.series.calendar import Calendar


@dataclass(frozen=True)
class Calibration:
    """Past scores (M,), finite; `series_id` (M,) of text; `time` (M,) UTC, datetime64[us].

    `until` is the last step (UTC, ISO) that training or calibration has seen.
    """

    score: np.ndarray
    series_id: np.ndarray
    time: np.ndarray
    until: str

    def join(self, later: "Calibration") -> "Calibration":
        """Return both together; `until` stays this one's."""
        return Calibration(
            np.concatenate([self.score, later.score]),
            np.concatenate([self.series_id, later.series_id]),
            np.concatenate([self.time, later.time]),
            self.until,
        )

    def numbers(self, series_ids: list[str]) -> np.ndarray:
        """Return the number of each score's series among these, others counted on from there."""
        known = pd.Index(series_ids)
        others = pd.Index(pd.unique(self.series_id)).difference(known)
        return known.append(others).get_indexer(pd.Index(self.series_id))

    def anchor(self, calendar: Calendar) -> int:
        """Return the calendar position of `until`."""
        return int(calendar.positions(np.array([self.until], dtype="datetime64[us]"))[0])
