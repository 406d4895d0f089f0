"""Fit a detector: split, scale on the past, train, fit the threshold, judge it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from pipelines_lib.anomaly.baselines import Energy, fit_windowed_pca
from pipelines_lib.anomaly.detector import Detector, make_network
from pipelines_lib.anomaly.evaluation import DetectorEvaluation, evaluate_alarms, evaluate_scores
from pipelines_lib.anomaly.injection import inject_spikes
from pipelines_lib.anomaly.scoring import score_steps
from pipelines_lib.anomaly.thresholds import fit_threshold
from pipelines_lib.config import DatasetConfig, DetectorConfig
from pipelines_lib.series.calendar import naive_times
from pipelines_lib.series.features import RETURNS, make_features
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.parts import (
    find_usable_series,
    make_part_origins,
    refuse_unknown_series,
)
from pipelines_lib.series.scaling import fit_scaler
from pipelines_lib.series.splits import Split, make_split
from pipelines_lib.series.windows import count_known
from pipelines_lib.training import EpochReport, TrainingResult, WindowData, seeded, train

MODEL = "autoencoder"


@dataclass(frozen=True)
class FittedDetector:
    """A detector with the record of how it came to be."""

    detector: Detector
    baselines: dict[str, nn.Module]
    training: TrainingResult
    evaluation: DetectorEvaluation
    split: Split
    left_out: dict[str, str]
    """Series that it could not learn from, with the reason."""


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
    """Train on the oldest part of the history, fit the threshold later, judge on the newest.

    The judge takes the labelled steps among the test rows for the truth; where there are none, it
    injects spikes into a copy of the test rows.

    Args:
        panel: The series.
        dataset: Their declaration.
        config: The detector.
        device: Where to compute.
        labels: Known anomalous steps: `series_id`, `time`.
        checkpoint: File to resume from.
        on_epoch: Called after each epoch.

    Raises:
        SeriesError: No series has enough history, or all of them are constant.
        ConfigError: A feature does not suit the data.
        TrainingError: A loss is not finite.
    """
    refuse_unknown_series(config.train_series, panel, "train_series")
    reach = (config.lookback - 1) * config.sampling_rate + 1
    split = make_split(
        first=int(panel.position.min()),
        last=panel.last_position,
        config=config.split,
        lookback=reach,
        horizon=1,
    )
    raw = make_features(panel, config.features)
    in_training = panel.position <= split.train.last
    usable, left_out = find_usable_series(panel, raw, rows=in_training, need=config.lookback + 1)
    scaler = fit_scaler(
        raw,
        series=panel.row_series,
        n_series=len(panel.series_ids),
        rows=in_training & usable[panel.row_series],
        kind=config.scaler,
    )
    inputs = scaler.transform(raw, panel.row_series)
    parts = make_part_origins(
        panel,
        split,
        run=count_known(
            np.isfinite(inputs).all(axis=1),
            offsets=panel.offsets,
            sampling_rate=config.sampling_rate,
        ),
        lookback=config.lookback,
        sampling_rate=config.sampling_rate,
        stride=config.stride,
        train_series=config.train_series,
    )
    data = WindowData.make(
        inputs, lookback=config.lookback, sampling_rate=config.sampling_rate, device=device
    )
    with seeded(config.training.seed):
        network = make_network(config, n_features=inputs.shape[1])
        training = train(
            network,
            data,
            train_origins=parts["train"],
            validation_origins=parts["validation"],
            config=config.training,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
    baselines = {
        "pca": fit_windowed_pca(data, parts["train"], seed=config.training.seed),
        "energy": Energy(),
    }
    # Windows that end within the calibration part: the threshold cannot know later steps.
    scores, _ = score_steps(network, data, parts["calibration"], mode=config.mode)
    calibration = (panel.position >= split.calibration.first) & (
        panel.position <= split.calibration.last
    )
    chosen = np.flatnonzero(usable)
    last_seen = panel.calendar.times(np.array([split.calibration.last]))[0]
    detector = Detector(
        dataset,
        config,
        [panel.series_ids[number] for number in chosen],
        scaler.take(chosen),
        network,
        fit_threshold(
            scores[calibration], kind=config.threshold, k=config.k, quantile=config.quantile
        ),
        str(last_seen),
    )
    evaluation = evaluate_detector(
        detector,
        baselines,
        panel,
        split=split,
        labels=labels,
        seed=config.training.seed,
        device=device,
    )
    return FittedDetector(detector, baselines, training, evaluation, split, left_out)


def evaluate_detector(
    detector: Detector,
    baselines: dict[str, nn.Module],
    panel: Panel,
    *,
    split: Split,
    labels: pd.DataFrame,
    seed: int,
    device: torch.device,
) -> DetectorEvaluation:
    """Judge a detector and its baselines on the test rows of the series it knows.

    `seed` places the injected anomalies, if no test row is labelled: same seed, same rows.
    """
    anomalous = _labelled_rows(panel, labels)
    judged, truth = panel, "labels"
    if not (anomalous & (panel.position >= split.test.first)).any():
        judged, anomalous = inject_spikes(
            panel,
            column=_column_seen(detector),
            since=split.test.first,
            seed=seed,
        )
        truth = "injected"
    since = np.full(len(judged.series_ids), split.test.first)
    inputs = detector.scale(judged)
    scored = {
        name: detector.score_panel(
            judged, since=since, device=device, network=network, inputs=inputs
        )[0]
        for name, network in ({MODEL: detector.network} | baselines).items()
    }
    held_out = scored[MODEL].assign(**{name: rows["score"] for name, rows in scored.items()})
    flags = pd.DataFrame(
        {
            "series_id": np.array(judged.series_ids, dtype=object)[judged.row_series],
            "time": pd.Series(judged.times(np.arange(len(anomalous)))).dt.tz_localize("UTC"),
            "anomalous": anomalous,
        }
    )
    held_out = held_out.merge(flags[judged.position >= split.test.first], on=["series_id", "time"])
    known = held_out["series_id"].isin(detector.series_ids)
    held_out = held_out[known].reset_index(drop=True)
    is_anomalous = held_out["anomalous"].to_numpy()
    metrics = evaluate_scores({name: held_out[name].to_numpy() for name in scored}, is_anomalous)
    alarm = (held_out["score"] > detector.threshold).to_numpy()
    metrics |= evaluate_alarms(alarm, is_anomalous)
    metrics |= {"threshold": detector.threshold, "alarm_share_pct": float(100 * alarm.mean())}
    errors = {f"{name}_error": float(held_out[name].mean()) for name in scored}
    return DetectorEvaluation(metrics | errors, truth, held_out, judged)


def _column_seen(detector: Detector) -> str:
    """Return the column to spike: the target, or one that the features can show."""
    target, features = detector.dataset.target, detector.config.features
    shown = {"volume_change": "volume", "volume_rank": "volume", **RETURNS}
    seen = [shown.get(name, "close" if name == "volatility" else name) for name in features]
    prices = set(RETURNS.values())
    if target in seen or (target in prices and prices & set(seen)):
        return target
    return seen[0]


def _labelled_rows(panel: Panel, labels: pd.DataFrame) -> np.ndarray:
    """Return which rows of the panel are labelled anomalous (N,)."""
    anomalous = np.zeros(len(panel.position), dtype=bool)
    number = {name: s for s, name in enumerate(panel.series_ids)}
    labels = labels[labels["series_id"].isin(number)]
    if len(labels) == 0:
        return anomalous
    series = labels["series_id"].map(number).to_numpy(dtype=int)
    row = (
        panel.calendar.positions(naive_times(labels["time"]))
        - panel.position[panel.offsets[:-1]][series]
    )
    inside = (row >= 0) & (row < np.diff(panel.offsets)[series])
    anomalous[panel.offsets[series[inside]] + row[inside]] = True
    return anomalous
