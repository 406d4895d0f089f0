"""A fitted detector: window, scaler, parts and calibration, from raw observations to scores.

Shapes: N rows, F features, S series, M calibration scores.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipelines_lib.anomaly.bundle import load_detector, save_detector
from pipelines_lib.anomaly.calibration import Calibration
from pipelines_lib.anomaly.fusion import PAST_AT_LEAST, Past
from pipelines_lib.anomaly.parts import Part, Stretch
from pipelines_lib.anomaly.scoring import Scored, score_stretch
from pipelines_lib.anomaly.thresholds import Judged, apply_thresholds
from pipelines_lib.anomaly.window import Window
from pipelines_lib.config import DatasetConfig, DetectorConfig, EventConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.series.features import feature_names, make_features
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.parts import explain_unready
from pipelines_lib.series.scaling import Scaler, fit_scaler, prefer_fitted
from pipelines_lib.series.windows import count_known

_log = logging.getLogger(__name__)

EXTREME = 20.0
"""Scaled inputs are cut here, so that one value cannot drown a network."""
NEW_SERIES_STEPS = 60
"""First known steps of a series new to the detector, by which it is scaled; scored from then on."""


@dataclass(frozen=True)
class Detector:
    """Everything that a score needs, so that raw rows are enough."""

    dataset: DatasetConfig
    config: DetectorConfig
    features: list[str]
    series_ids: list[str]
    """Series with a fitted scaler."""
    scaler: Scaler
    window: Window
    parts: dict[str, Part]
    weights: dict[str, float]
    pasts: dict[str, Past]
    """Errors of each part until the calibration's last step, of `series_ids`."""
    calibration: Calibration

    @property
    def calibrated_until(self) -> str:
        """Return the last step (UTC, ISO) that training or threshold has seen."""
        return self.calibration.until

    @property
    def event_config(self) -> EventConfig:
        """Return how alarms become events, with the gap that suits the window."""
        events = self.config.events
        if events.max_gap >= 0:
            return events
        gap = 1 if self.window.smoothing_steps == 1 else 2 * self.window.lookback
        return events.model_copy(update={"max_gap": gap})

    def make_stretch(self, panel: Panel, device: torch.device | None = None) -> Stretch:
        """Scale a panel's features.

        A series that is new to the detector is scaled by its own first 60 known steps.
        """
        raw = make_features(panel, self.features)
        inputs = self.scaler_of(panel, raw).transform(raw, panel.row_series)
        return make_stretch(inputs, panel, self.window, self.config.mode, device)

    def scaler_of(self, panel: Panel, raw: np.ndarray) -> Scaler:
        """Return the scaler of a panel's series, given its features (N, F) in their units."""
        own = fit_scaler(
            raw,
            series=panel.row_series,
            n_series=len(panel.series_ids),
            rows=self._first_known(panel, raw)[0],
            kind=self.config.scaler,
        )
        return prefer_fitted(self.scaler, own, series_ids=panel.series_ids, known=self.series_ids)

    def score_panel(
        self,
        panel: Panel,
        *,
        since: np.ndarray,
        shown: np.ndarray | None = None,
        pasts: dict[str, Past] | None = None,
        earlier: Calibration | None = None,
        device: torch.device | None = None,
    ) -> tuple[pd.DataFrame, dict[str, Past], dict[str, str]]:
        """Score every series from a position of its own on.

        Args:
            panel: The series, whole: the same history gives the same bits on every night.
            since: First calendar position to score of each series (S,), inclusive.
            shown: First one whose score is returned (S,), not before `since`; None: all are. Those
                between are only learned from.
            pasts: Errors of each part before `since`, of the panel's series; None: those of the
                calibration, so that `since` should be the step after it.
            earlier: Scores before `since` besides the calibration's, for the threshold.
            device: Where to compute; None: the CPU.

        Returns:
            Rows `series_id`, `time`, `mode`, `score`, `threshold`, `p_value`, `anomalous`, `part`,
            `feature`; each part's past after them; and the series left out, with the reason.
        """
        stretch = self.make_stretch(panel, device)
        due = panel.position >= since[panel.row_series]
        due &= self._is_ready(panel)
        scored = score_stretch(
            stretch,
            due,
            parts=self.parts,
            weights=self.weights,
            pasts=pasts or self.pasts_of(panel.series_ids),
        )
        shown = since if shown is None else shown
        late = panel.position >= shown[panel.row_series]
        frame = self._rows(panel, scored, np.isfinite(scored.score) & late[scored.rows], earlier)
        waiting = np.zeros(len(panel.series_ids), dtype=bool)
        waiting[panel.row_series[late]] = True
        waiting[panel.row_series[scored.rows[np.isfinite(scored.score)]]] = False
        return frame, scored.pasts, self._explain(panel, stretch, waiting)

    def score_rows(self, panel: Panel) -> tuple[pd.DataFrame, dict[str, str]]:
        """Score every step that follows the calibration, as a first night would.

        Returns:
            The rows of `score_panel`, and the series left out with the reason.

        Raises:
            SeriesError: No step follows the calibration.
        """
        learned = self.calibration.anchor(panel.calendar)
        if panel.last_position <= learned:
            raise SeriesError(
                f"the newest row is of {panel.calendar.times(np.array([panel.last_position]))[0]}, "
                f"and the detector has learned from all up to {self.calibrated_until}: give later "
                "rows, after enough of the history before them"
            )
        since = np.full(len(panel.series_ids), learned + 1)
        frame, _, left_out = self.score_panel(panel, since=since)
        return frame, left_out

    def pasts_of(self, series_ids: list[str]) -> dict[str, Past]:
        """Return each part's errors at the calibration's end, of these series."""
        number = {name: row for row, name in enumerate(self.series_ids)}
        known = np.array([number.get(name, -1) for name in series_ids])
        return {name: past.take(known) for name, past in self.pasts.items()}

    def _rows(
        self, panel: Panel, scored: Scored, kept: np.ndarray, earlier: Calibration | None
    ) -> pd.DataFrame:
        rows, score = scored.rows[kept], scored.score[kept]
        judged = self._judge(panel, rows, score, earlier)
        ids, parts = (np.array(each, dtype=object) for each in (panel.series_ids, list(self.parts)))
        features = np.array(feature_names(self.features, panel), dtype=object)
        return pd.DataFrame(
            {
                "series_id": ids[panel.row_series[rows]],
                "time": pd.Series(panel.times(rows)).dt.tz_localize("UTC"),
                "mode": self.config.mode,
                "score": score,
                "threshold": judged.threshold,
                "p_value": judged.p_value,
                "anomalous": judged.anomalous,
                "part": parts[scored.terms[kept].argmax(axis=1)],
                "feature": features[scored.feature[kept]],
            }
        )

    def _judge(
        self, panel: Panel, rows: np.ndarray, score: np.ndarray, earlier: Calibration | None
    ) -> Judged:
        """Hold scores against earlier ones; those of steps learned from against the calibration's.

        A study has scores of both kinds, a night only of later steps.
        """
        past = self.calibration if earlier is None else self.calibration.join(earlier)
        anchor = self.calibration.anchor(panel.calendar)
        learned = panel.position[rows] <= anchor
        threshold, p_value = np.full((2, len(rows)), np.nan)
        anomalous, warning = np.zeros(len(rows), dtype=bool), ""
        for some, position in (
            (learned, np.full(len(rows), anchor + 1)),
            (~learned, panel.position[rows]),
        ):
            judged = apply_thresholds(
                score[some],
                position=position[some],
                series=panel.row_series[rows[some]],
                past=past.score,
                past_series=past.numbers(panel.series_ids),
                past_position=panel.calendar.positions(past.time),
                anchor=anchor,
                config=self.config.threshold,
            )
            threshold[some], p_value[some] = judged.threshold, judged.p_value
            anomalous[some] = judged.anomalous
            warning = judged.warning or warning
        if warning:
            _log.warning("%s", warning)
        return Judged(threshold, p_value, anomalous, warning)

    def _explain(self, panel: Panel, stretch: Stretch, waiting: np.ndarray) -> dict[str, str]:
        """Say why series wait for a score (S,)."""
        known = np.isin(panel.series_ids, self.series_ids)
        lookback = self.window.lookback
        left_out = explain_unready(panel, stretch.run, np.flatnonzero(waiting & known), lookback)
        steps = np.add.reduceat(stretch.run > 0, panel.offsets[:-1])
        # Scaled by the first, and then held against errors of its own.
        need = max(lookback, NEW_SERIES_STEPS) + PAST_AT_LEAST
        return left_out | {
            panel.series_ids[number]: (
                f"new to the detector: it has {steps[number]} complete steps, and is scored after "
                f"{need}"
            )
            for number in np.flatnonzero(waiting & ~known)
        }

    def _is_ready(self, panel: Panel) -> np.ndarray:
        """Return the rows that may be scored (N,): all of known series, late ones of new series."""
        known = np.isin(panel.series_ids, self.series_ids)[panel.row_series]
        return known | self._first_known(panel, make_features(panel, self.features))[1]

    @staticmethod
    def _first_known(panel: Panel, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which rows are among the first 60 known ones of a series, and which follow."""
        known = np.isfinite(raw).all(axis=1)
        total = np.cumsum(known)
        before = np.concatenate([[0], total])[panel.offsets[:-1]][panel.row_series]
        count = total - before
        return known & (count <= NEW_SERIES_STEPS), count > NEW_SERIES_STEPS

    # --- bundle --------------------------------------------------------------------------------

    def save_bundle(self, folder: Path) -> None:
        """Write everything needed to score into a folder."""
        save_detector(self, folder)

    @classmethod
    def load_bundle(cls, folder: Path) -> "Detector":
        """Read a detector back, on the CPU.

        Raises:
            BundleError: The folder is no detector of a known format.
        """
        return cls(**load_detector(folder))


def make_stretch(
    inputs: np.ndarray,
    panel: Panel,
    window: Window,
    mode: str,
    device: torch.device | None = None,
) -> Stretch:
    """Lay scaled features (N, F) out for the parts."""
    kept = np.clip(inputs, -EXTREME, EXTREME)
    run = count_known(np.isfinite(kept).all(axis=1), offsets=panel.offsets)
    return Stretch(kept, panel.offsets, run, window, mode, device or torch.device("cpu"))
