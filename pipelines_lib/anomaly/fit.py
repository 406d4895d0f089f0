"""Fit a detector: split, scale on the past, train its parts, calibrate, judge it.

Shapes: N rows, F features, S series.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipelines_lib.anomaly.calibration import Calibration
from pipelines_lib.anomaly.detector import Detector, make_stretch
from pipelines_lib.anomaly.evaluation import SHOWN, DetectorEvaluation, evaluate_detector
from pipelines_lib.anomaly.fusion import Past
from pipelines_lib.anomaly.learn import (
    SIMPLE,
    fit_autoencoder_part,
    fit_forecast_part,
    fit_pca_part,
)
from pipelines_lib.anomaly.parts import Part, Stretch
from pipelines_lib.anomaly.scoring import score_stretch
from pipelines_lib.anomaly.window import choose_window
from pipelines_lib.config import DatasetConfig, DetectorConfig
from pipelines_lib.series.features import make_features
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.parts import find_usable_series, refuse_unknown_series
from pipelines_lib.series.scaling import fit_scaler
from pipelines_lib.series.splits import Split, make_split
from pipelines_lib.training import EpochReport, TrainingResult

BASELINES = ("pca", "energy")
"""Judged beside every detector."""
NETWORKS = ("forecast", "autoencoder")
SHORTEST_WINDOW = 12
PAST_ROWS = 500_000
"""Rows of history whose errors a score is held against at first, the newest: of 948 series two
years."""
BAR_FEATURES = ["relative_return", "relative_volume"]


@dataclass(frozen=True)
class FittedDetector:
    """A detector with the record of how it came to be."""

    detector: Detector
    others: dict[str, Part]
    """Parts that are no part of the score: baselines, and networks that stand alone."""
    trainings: dict[str, TrainingResult]
    """Of each network, by the part's name."""
    evaluation: DetectorEvaluation
    split: Split
    left_out: dict[str, str]
    """Series that it could not learn from, with the reason."""


@dataclass(frozen=True)
class FittedParts:
    """Every part, fitted, and how the networks were trained."""

    parts: dict[str, Part]
    trainings: dict[str, TrainingResult]


def fit_detector(
    panel: Panel,
    *,
    dataset: DatasetConfig,
    config: DetectorConfig,
    device: torch.device,
    labels: pd.DataFrame,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> FittedDetector:
    """Train on the oldest part of the history, calibrate later, judge on the newest.

    The judge takes the labelled steps among the test rows for the truth; where there are none, it
    injects spikes into a copy of the test rows.

    Args:
        panel: The series.
        dataset: Their declaration.
        config: The detector.
        device: Where to compute.
        labels: Known anomalous steps: `series_id`, `time`.
        checkpoint: File to resume from; each network has one of its own beside it.
        on_epoch: Called after each epoch of each network.

    Raises:
        SeriesError: No series has enough history, or all of them are constant.
        ConfigError: A feature does not suit the data.
        TrainingError: A loss is not finite.
    """
    refuse_unknown_series(config.train_series, panel, "train_series")
    bars = dataset.kind == "bars"
    features = config.features or (BAR_FEATURES if bars else list(dataset.columns))
    returns = all(name in SHOWN for name in features)
    split = make_split(
        first=int(panel.position.min()),
        last=panel.last_position,
        config=config.split,
        lookback=config.lookback or SHORTEST_WINDOW,
        horizon=1,
    )
    raw = make_features(panel, features)
    in_training = panel.position <= split.train.last
    usable, left_out = find_usable_series(
        panel, raw, rows=in_training, need=(config.lookback or SHORTEST_WINDOW) + 1
    )
    scaler = fit_scaler(
        raw,
        series=panel.row_series,
        n_series=len(panel.series_ids),
        rows=in_training & usable[panel.row_series],
        kind=config.scaler,
    )
    inputs = scaler.transform(raw, panel.row_series)
    learned = in_training & usable[panel.row_series]
    if config.train_series:
        learned &= np.isin(panel.series_ids, config.train_series)[panel.row_series]
    window = choose_window(
        inputs, offsets=panel.offsets, rows=learned, config=config, returns=returns
    )
    stretch = make_stretch(inputs, panel, window, config.mode, device)
    weights = choose_weights(
        config, strength=window.strength, n_features=len(features), returns=returns
    )
    fitted = fit_parts(
        stretch,
        names=set(weights) | {*BASELINES, *NETWORKS},
        rows=learned,
        config=config,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    chosen = np.flatnonzero(usable)
    ids = [panel.series_ids[number] for number in chosen]
    detector = Detector(
        dataset=dataset,
        config=config,
        features=features,
        series_ids=ids,
        scaler=scaler.take(chosen),
        window=window,
        parts={name: fitted.parts[name] for name in weights},
        weights=weights,
        pasts={},
        calibration=Calibration(
            np.empty(0), np.empty(0, dtype=object), np.empty(0, dtype="datetime64[us]"), ""
        ),
    )
    others = {name: part for name, part in fitted.parts.items() if name not in weights}
    pasts, calibration = calibrate(
        stretch, panel, split, parts=fitted.parts, weights=weights, usable=usable
    )
    detector = replace(
        detector,
        pasts={name: pasts[name].take(chosen) for name in weights},
        calibration=calibration,
    )
    evaluation = evaluate_detector(
        detector,
        {name: (part, pasts[name].take(chosen)) for name, part in others.items()},
        panel,
        split=split,
        labels=labels,
        seed=config.training.seed,
        device=device,
    )
    return FittedDetector(detector, others, fitted.trainings, evaluation, split, left_out)


def fit_parts(
    stretch: Stretch,
    *,
    names: set[str],
    rows: np.ndarray,
    config: DetectorConfig,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> FittedParts:
    """Fit the named parts on the training rows (N,)."""
    parts: dict[str, Part] = {name: SIMPLE[name] for name in sorted(names & set(SIMPLE))}
    trainings = {}
    if "pca" in names:
        parts["pca"] = fit_pca_part(stretch, rows=rows, config=config)
    for name, fit in (("forecast", fit_forecast_part), ("autoencoder", fit_autoencoder_part)):
        if name in names:
            own = None
            if checkpoint is not None:
                own = checkpoint.with_name(f"{checkpoint.stem}-{name}{checkpoint.suffix}")
            parts[name], trainings[name] = fit(
                stretch, rows=rows, config=config, checkpoint=own, on_epoch=on_epoch
            )
    return FittedParts(parts, trainings)


def choose_weights(
    config: DetectorConfig, *, strength: float, n_features: int, returns: bool
) -> dict[str, float]:
    """Return the weight of each part of the score: the config's, or those that did well.

    Returns and the like say all by a single step. Of one feature the forecaster and the shift
    count. In retrospective mode so does the autoencoder, the more the series repeat themselves, at
    the cost of the shift: what breaks a pattern is then stranger than what changes a level. Of
    several features energy is hard to beat, and a shift of one of them says little.
    """
    if config.parts:
        names = config.parts
        return dict(zip(names, config.weights or [1.0] * len(names), strict=True))
    if returns:
        return {"robust_z": 1.0, "autoencoder": 1.0}
    if n_features > 1:
        return {"forecast": 1.0, "autoencoder": 1.0, "energy": 1.0}
    if config.mode == "retrospective":
        weights = {"forecast": 1.0, "autoencoder": strength, "shift": 1.0 - strength}
        return {name: weight for name, weight in weights.items() if weight > 0}
    return {"forecast": 1.0, "shift": 1.0}


def calibrate(
    stretch: Stretch,
    panel: Panel,
    split: Split,
    *,
    parts: dict[str, Part],
    weights: dict[str, float],
    usable: np.ndarray,
) -> tuple[dict[str, Past], Calibration]:
    """Score the history up to the calibration's last step, of many series only its newer part.

    Returns:
        Each part's past errors of all series, and the scores of the calibration rows.
    """
    until = split.calibration.last
    due = (panel.position <= until) & usable[panel.row_series]
    enough = np.sort(panel.position[due])[-min(PAST_ROWS, int(due.sum()))]
    due &= panel.position >= min(enough, split.validation.first)
    nothing = Past.nothing(len(panel.series_ids))
    scored = score_stretch(
        stretch, due, parts=parts, weights=weights, pasts=dict.fromkeys(parts, nothing)
    )
    kept = (panel.position[scored.rows] >= split.calibration.first) & np.isfinite(scored.score)
    rows = scored.rows[kept]
    ids = np.array(panel.series_ids, dtype=object)
    calibration = Calibration(
        scored.score[kept],
        ids[panel.row_series[rows]],
        panel.times(rows),
        str(panel.calendar.times(np.array([until]))[0]),
    )
    return scored.pasts, calibration
