"""What the detector saw of an event: the series, what was expected of it, and what counted.

Shapes: N rows, F features, n shown steps.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.evaluation import SHOWN
from pipelines_lib.anomaly.explanation import Explanation
from pipelines_lib.anomaly.parts import Stretch
from pipelines_lib.anomaly.scoring import Scored, score_stretch, smoothed_errors
from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.series.features import feature_names, make_features
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.read import read_panel
from pipelines_lib.series.scaling import Scaler
from pipelines_lib.tables import SCORES

EXPECTING = ("forecast", "robust_z")
"""Parts whose expectation is shown, the first that a detector has."""
INTERVAL = (0.05, 0.95)
RESIDUALS = 500
"""Steps before an event whose residuals make the interval around what was expected."""
STEPS_BEFORE, STEPS_AFTER, STEPS_AT_MOST = 120, 30, 600


def explain_events(
    lake: Lake, dataset: DatasetConfig, detector: Detector, events: pd.DataFrame, *, at_most: int
) -> dict[str, Explanation]:
    """Explain the first events of a frame, as the lake's table has them, by their ids.

    Args:
        lake: Where observations and scores lie.
        dataset: The declaration.
        detector: The detector whose scores they are of.
        events: Rows of the table `events`.
        at_most: Events to explain.
    """
    chosen = events.head(at_most)
    if len(chosen) == 0:
        return {}
    panel, _ = read_panel(lake, dataset)
    view = DetectorView(detector, panel)
    explained = {}
    for event in chosen.to_dict("records"):
        if event["series_id"] not in panel.series_ids:
            continue  # its observations are gone: the event stays, without a picture
        scores = lake.read_rows(
            dataset.name,
            SCORES,
            columns=["time", "score", "threshold"],
            series_ids=[event["series_id"]],
            equal={"scorer": event["scorer"], "mode": event["mode"]},
        )
        explained[event["event_id"]] = explain_event(view, event, scores)
    return explained


@dataclass(frozen=True)
class DetectorView:
    """A panel as a detector sees it, scaled once for all of its events."""

    detector: Detector
    panel: Panel

    @cached_property
    def raw(self) -> np.ndarray:
        """Return the features in their units (N, F)."""
        return make_features(self.panel, self.detector.features)

    @cached_property
    def scaler(self) -> Scaler:
        """Return the scaler of the panel's series."""
        return self.detector.scaler_of(self.panel, self.raw)

    @cached_property
    def stretch(self) -> Stretch:
        """Return the scaled features."""
        return self.detector.make_stretch(self.panel)

    @cached_property
    def _scored(self) -> dict[int, Scored]:
        return {}

    def scored(self, series: int) -> Scored:
        """Return the scores of a series that is explained: all that the detector can give it."""
        if series not in self._scored:
            panel, detector = self.panel, self.detector
            learned = detector.calibration.anchor(panel.calendar)
            due = panel.row_series == series
            if self.stretch.mode == "causal" and (panel.position[due] > learned).any():
                due &= panel.position > learned
            self._scored[series] = score_stretch(
                self.stretch,
                due,
                parts=detector.parts,
                weights=detector.weights,
                pasts=detector.pasts_of(panel.series_ids),
            )
        return self._scored[series]


def explain_event(view: DetectorView, event: dict, scores: pd.DataFrame) -> Explanation:
    """Explain one event.

    What was expected comes from the forecaster, or from the median of the steps before; the
    interval around it holds the middle 90 % of the residuals of up to 500 steps before the event.
    A return is shown as the price, or volume, that it leads to.

    Args:
        view: Detector and panel.
        event: A row of the table `events`.
        scores: `time`, `score`, `threshold` of the series, sorted by time.
    """
    detector, panel = view.detector, view.panel
    series = panel.series_ids.index(event["series_id"])
    first, behind = panel.offsets[series], panel.offsets[series + 1]
    times = panel.times(np.arange(first, behind))
    at = {
        name: int(first + np.searchsorted(times, _as_numpy(event[name])))
        for name in ("start", "end", "peak")
    }
    last = min(at["end"] + STEPS_AFTER, behind - 1)
    since = max(first, at["start"] - STEPS_BEFORE, last - STEPS_AT_MOST + 1)
    since = min(since, at["start"])
    names = feature_names(detector.features, panel)
    feature = names.index(str(event["features"]).split(", ")[0])
    rows = np.arange(since, last + 1)
    show = _Shown(view, series, feature, np.arange(max(first, since - RESIDUALS), last + 1))
    expecting = next((name for name in EXPECTING if name in detector.parts), "")
    forecast, low, high = show.expected(expecting, before=at["start"])
    rebuilt, _, _ = show.expected("autoencoder", before=at["start"])
    kept = slice(len(show.rows) - len(rows), None)
    scored = scores.set_index(scores["time"].dt.tz_localize(None).astype("datetime64[us]"))
    scored = scored.reindex(panel.times(rows))
    parts, features = _shares(view, series, at["peak"], names)
    column = SHOWN.get(names[feature], names[feature])
    return Explanation(
        series_id=event["series_id"],
        column=column,
        unit=_unit(detector.dataset, column),
        time=panel.times(rows),
        value=show.value[kept],
        forecast=forecast[kept],
        lower=low[kept],
        upper=high[kept],
        reconstruction=rebuilt[kept],
        score=scored["score"].to_numpy(),
        threshold=scored["threshold"].to_numpy(),
        start=_as_numpy(event["start"]),
        end=_as_numpy(event["end"]),
        peak=_as_numpy(event["peak"]),
        parts=parts,
        features=features,
    )


@dataclass(frozen=True)
class _Shown:
    """One feature of one series over some rows, and how it is shown."""

    view: DetectorView
    series: int
    feature: int
    rows: np.ndarray

    @property
    def value(self) -> np.ndarray:
        """Return what was observed, in the units that are shown."""
        return self._as_shown(self._scaled(self.rows))

    def expected(self, part: str, *, before: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what a part expected, and the ends of the interval around it; NaN: nothing."""
        nothing = np.full(len(self.rows), np.nan)
        wanted = np.zeros(len(self.view.stretch.run), dtype=bool)
        wanted[self.rows] = True
        made = None
        if part in self.view.detector.parts:
            made = self.view.detector.parts[part].expected(self.view.stretch, wanted)
        if made is None:
            return nothing, nothing, nothing
        expected = made[self.rows, self.feature]
        residual = (self._scaled(self.rows) - expected)[self.rows < before]
        residual = residual[np.isfinite(residual)]
        if len(residual) < 20:
            return self._as_shown(expected), nothing, nothing
        low, high = np.quantile(residual, INTERVAL)
        return (
            self._as_shown(expected),
            self._as_shown(expected + low),
            self._as_shown(expected + high),
        )

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return self.view.stretch.inputs[rows, self.feature]

    def _as_shown(self, scaled: np.ndarray) -> np.ndarray:
        """Return scaled values in the feature's unit, or as the column that they lead to."""
        scaler, feature = self.view.scaler, self.feature
        value = scaled * scaler.scale[self.series, feature] + scaler.center[self.series, feature]
        name = feature_names(self.view.detector.features, self.view.panel)[feature]
        if not name.endswith(("_return", "_change", "relative_volume")):
            return value
        # The observed column led to the observed return: another return leads to another column.
        column = self.view.panel.column(SHOWN[name])[self.rows]
        return column * np.exp(value - self.view.raw[self.rows, feature])


def _shares(
    view: DetectorView, series: int, peak: int, names: list[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the share of each part, and of each feature in the main part, at the peak (%)."""
    detector, stretch = view.detector, view.stretch
    scored = view.scored(series)
    terms = scored.terms[np.searchsorted(scored.rows, peak)]
    parts = dict(zip(detector.parts, _percent(terms), strict=True))
    only = np.zeros(len(stretch.run), dtype=bool)
    only[peak] = True
    main = list(detector.parts)[int(terms.argmax())]
    errors = smoothed_errors(stretch, only, detector.parts[main])[peak]
    return parts, dict(zip(names, _percent(np.nan_to_num(errors)), strict=True))


def _percent(values: np.ndarray) -> list[float]:
    total = values.sum()
    return [float(100 * v / total) if total > 0 else 0.0 for v in values]


def _unit(dataset: DatasetConfig, column: str) -> str:
    if column == "volume" and dataset.kind == "bars":
        return "shares"
    prices = dataset.kind == "bars" and column in ("open", "high", "low", "close")
    return dataset.unit if prices or column == dataset.target else ""


def _as_numpy(moment: pd.Timestamp) -> np.datetime64:
    return np.datetime64(pd.Timestamp(moment).tz_convert(None), "us")
