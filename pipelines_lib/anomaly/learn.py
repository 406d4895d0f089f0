"""Fit the parts of a score on the training rows of scaled series.

Shapes: N rows, F features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipelines_lib.anomaly.parts import (
    AutoencoderPart,
    EnergyPart,
    ForecastPart,
    Part,
    RobustZPart,
    ShiftPart,
    Stretch,
)
from pipelines_lib.anomaly.parts.rebuild import fit_pca, pca_lookback
from pipelines_lib.anomaly.window import Window
from pipelines_lib.config import DetectorConfig, ForecasterConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.models import Autoencoder, Network, make_forecast_network, normalise_windows
from pipelines_lib.models.cells import Cell
from pipelines_lib.series.windows import count_known, make_origins
from pipelines_lib.training import (
    LOSSES,
    EpochReport,
    ForecastData,
    TrainingData,
    TrainingResult,
    WindowData,
    few_threads,
    point,
    seeded,
    train,
)

WINDOWS_AT_LEAST = 5_000
"""Windows that an epoch sees, if need be some of them several times."""
SIMPLE: dict[str, Part] = {"energy": EnergyPart(), "shift": ShiftPart(), "robust_z": RobustZPart()}


@dataclass(frozen=True)
class NormalisedWindows(TrainingData):
    """Windows as the autoencoder sees them: each by its own mean and deviation."""

    data: WindowData

    @property
    def device(self) -> torch.device:
        """Return where batches are made."""
        return self.data.device

    def batch(self, origins: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gather windows and their targets, the same: (B, L, F) twice."""
        windows, _, _ = normalise_windows(self.data.windows(origins))
        return windows, windows


def make_autoencoder(config: DetectorConfig, window: Window, n_features: int) -> Autoencoder:
    """Make the autoencoder of a config, with fresh weights."""
    return Autoencoder(
        Cell(hidden=config.hidden, kind=config.cell, layers=config.layers, dropout=config.dropout),
        lookback=window.lookback,
        segment_steps=window.segment_steps if config.autoencoder == "segment" else 1,
        n_features=n_features,
        bottleneck=config.bottleneck,
    )


def make_forecaster(config: DetectorConfig, window: Window) -> Network:
    """Make the forecaster of one feature's next steps, with fresh weights."""
    settings = ForecasterConfig(
        model="segment",
        cell=config.cell,
        hidden=config.hidden,
        layers=config.layers,
        dropout=config.dropout,
        lookback=window.lookback,
        segment_steps=window.segment_steps,
        horizon=window.horizon,
        target_kind="level",
        features=[],
        training=config.training,
    )
    return make_forecast_network(settings, n_inputs=1, n_future=0, n_series=0)


def fit_forecast_part(
    stretch: Stretch,
    *,
    rows: np.ndarray,
    config: DetectorConfig,
    checkpoint: Path | None,
    on_epoch: Callable[[EpochReport], None],
) -> tuple[ForecastPart, TrainingResult]:
    """Train the forecaster on the training rows of every feature of every series."""
    window = stretch.window
    n_rows, n_features = stretch.inputs.shape
    known = np.isfinite(stretch.inputs) & rows[:, None]
    offsets = np.unique([stretch.offsets + f * n_rows for f in range(n_features)])
    flat = known.T.ravel()
    origins = make_origins(
        count_known(flat, offsets=offsets),
        offsets=offsets,
        lookback=window.lookback,
        targets_known=flat,
        horizon=window.horizon,
        stride=config.stride,
    )
    _refuse_none(origins, steps=window.lookback + window.horizon)
    values = np.nan_to_num(stretch.inputs.T.ravel())
    data = ForecastData.make(
        values[:, None],
        lookback=window.lookback,
        horizon=window.horizon,
        sampling_rate=1,
        device=stretch.device,
        targets=values,
    )
    with seeded(config.training.seed):
        network = make_forecaster(config, window)
        with few_threads(network):
            trained = train(
                network,
                data,
                train_origins=_enough(origins, config),
                validation_origins=_some(origins),
                config=config.training,
                loss_of=point(LOSSES[config.training.loss]),
                checkpoint=checkpoint,
                on_epoch=on_epoch,
            )
    return ForecastPart(network.eval(), window.lookback, window.horizon), trained


def fit_autoencoder_part(
    stretch: Stretch,
    *,
    rows: np.ndarray,
    config: DetectorConfig,
    checkpoint: Path | None,
    on_epoch: Callable[[EpochReport], None],
) -> tuple[AutoencoderPart, TrainingResult]:
    """Train the autoencoder on the windows of training rows."""
    window = stretch.window
    data, origins = _windows(stretch, rows, window.lookback)
    with seeded(config.training.seed):
        network = make_autoencoder(config, window, stretch.inputs.shape[1])
        with few_threads(network):
            trained = train(
                network,
                NormalisedWindows(data),
                train_origins=_enough(origins[:: config.stride], config),
                validation_origins=_some(origins),
                config=config.training,
                checkpoint=checkpoint,
                on_epoch=on_epoch,
            )
    return AutoencoderPart(network.eval(), window.lookback), trained


def fit_pca_part(stretch: Stretch, *, rows: np.ndarray, config: DetectorConfig) -> Part:
    """Fit windowed PCA on the windows of training rows."""
    lookback = pca_lookback(stretch.window.lookback, stretch.inputs.shape[1])
    data, origins = _windows(stretch, rows, lookback)
    return fit_pca(data, origins, lookback=lookback, seed=config.training.seed)


def _windows(stretch: Stretch, rows: np.ndarray, lookback: int) -> tuple[WindowData, np.ndarray]:
    known = np.isfinite(stretch.inputs).all(axis=1) & rows
    origins = make_origins(
        count_known(known, offsets=stretch.offsets), offsets=stretch.offsets, lookback=lookback
    )
    _refuse_none(origins, steps=lookback)
    inputs = np.nan_to_num(stretch.inputs)
    data = WindowData.make(inputs, lookback=lookback, sampling_rate=1, device=stretch.device)
    return data, origins


def _refuse_none(origins: np.ndarray, *, steps: int) -> None:
    if len(origins) == 0:
        raise SeriesError(
            f"no series has {steps} known steps in a row to learn from, as a window needs: lower "
            "lookback or split.*_steps, or give more history"
        )


def _enough(origins: np.ndarray, config: DetectorConfig) -> np.ndarray:
    """Return the windows, repeated where a short history has too few to learn from."""
    least = min(config.training.windows_per_epoch, WINDOWS_AT_LEAST)
    return np.resize(origins, max(len(origins), least))


def _some(origins: np.ndarray) -> np.ndarray:
    """Return a few of the windows, evenly spread: what is reported of an epoch."""
    return origins[:: -(-len(origins) // 512)]
