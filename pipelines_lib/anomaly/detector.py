"""A fitted detector: autoencoder, scaler and threshold, from raw observations to scores.

Shapes: N rows, F features.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from pipelines_lib import __version__
from pipelines_lib.anomaly.scoring import score_steps
from pipelines_lib.bundles import load_parts, save_parts
from pipelines_lib.config import DatasetConfig, DetectorConfig
from pipelines_lib.models import LSTMAutoencoder
from pipelines_lib.series.features import feature_names, make_features
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.parts import explain_unready
from pipelines_lib.series.scaling import Scaler, fit_scaler, prefer_fitted
from pipelines_lib.series.windows import count_known, make_origins
from pipelines_lib.training import WindowData

KIND = "detector"


@dataclass(frozen=True)
class Detector:
    """Everything that a score needs, so that raw rows are enough."""

    dataset: DatasetConfig
    config: DetectorConfig
    series_ids: list[str]
    """Series with a fitted scaler."""
    scaler: Scaler
    network: LSTMAutoencoder
    threshold: float
    calibrated_until: str
    """Last step (UTC, ISO) that training or threshold has seen."""

    def scale(self, panel: Panel, *, since: np.ndarray | None = None) -> np.ndarray:
        """Scale a panel's features (N, F).

        A series unknown to the scaler is scaled by its own rows: in causal mode only by those
        before the position `since` of each series (S,), NaN where there are none.
        """
        raw = make_features(panel, self.config.features)
        own = fit_scaler(
            raw,
            series=panel.row_series,
            n_series=len(panel.series_ids),
            rows=self._own_rows(panel, since),
            kind=self.config.scaler,
        )
        scaler = prefer_fitted(self.scaler, own, series_ids=panel.series_ids, known=self.series_ids)
        return scaler.transform(raw, panel.row_series)

    def _own_rows(self, panel: Panel, since: np.ndarray | None) -> np.ndarray:
        if since is None or self.config.mode == "retrospective":
            return np.ones(len(panel.position), dtype=bool)
        return panel.position < since[panel.row_series]

    def score_panel(
        self,
        panel: Panel,
        *,
        since: np.ndarray,
        device: torch.device | None = None,
        network: nn.Module | None = None,
        inputs: np.ndarray | None = None,
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """Score every series from a position of its own on.

        Args:
            panel: The series, with a lookback of history before `since`.
            since: First calendar position to score of each series (S,), inclusive.
            device: Where to compute; None: the CPU.
            network: Reconstruct with this instead, a baseline for instance.
            inputs: Scaled features (N, F), if they are at hand.

        Returns:
            Rows `series_id`, `time`, `mode`, `score`, `threshold`, `feature`; and the series
            left out, with the reason.
        """
        inputs = self.scale(panel, since=since) if inputs is None else inputs
        config = self.config
        run = count_known(
            np.isfinite(inputs).all(axis=1),
            offsets=panel.offsets,
            sampling_rate=config.sampling_rate,
        )
        origins = make_origins(
            run,
            offsets=panel.offsets,
            lookback=config.lookback,
            sampling_rate=config.sampling_rate,
        )
        due = panel.position >= since[panel.row_series]
        device = device or torch.device("cpu")
        data = WindowData.make(
            inputs,
            lookback=config.lookback,
            sampling_rate=config.sampling_rate,
            device=device,
        )
        score, strongest = score_steps(
            (network or self.network).to(device), data, origins[due[origins]], mode=config.mode
        )
        rows = np.flatnonzero(due & np.isfinite(score))
        names = np.array(feature_names(config.features, panel), dtype=object)
        ids = np.array(panel.series_ids, dtype=object)
        frame = pd.DataFrame(
            {
                "series_id": ids[panel.row_series[rows]],
                "time": pd.Series(panel.times(rows)).dt.tz_localize("UTC"),
                "mode": config.mode,
                "score": score[rows],
                "threshold": self.threshold,
                "feature": names[strongest[rows]],
            }
        )
        waiting = np.zeros(len(ids), dtype=bool)
        waiting[panel.row_series[due]] = True
        waiting[panel.row_series[rows]] = False
        return frame, explain_unready(panel, run, np.flatnonzero(waiting), config.lookback)

    # --- bundle --------------------------------------------------------------------------------

    def save_bundle(self, folder: Path) -> None:
        """Write everything needed to score into a folder."""
        card = {
            "code_version": __version__,
            "dataset": self.dataset.model_dump(mode="json"),
            "config": self.config.model_dump(mode="json"),
            "n_features": self.network.encoder.input_size,
            "series_ids": self.series_ids,
            "threshold": self.threshold,
            "calibrated_until": self.calibrated_until,
        }
        arrays = {"scaler.center": self.scaler.center, "scaler.scale": self.scaler.scale}
        weights = self.network.cpu().state_dict()
        arrays |= {f"network.{name}": value.numpy() for name, value in weights.items()}
        save_parts(folder, kind=KIND, card=card, arrays=arrays)

    @classmethod
    def load_bundle(cls, folder: Path) -> "Detector":
        """Read a detector back, on the CPU.

        Raises:
            BundleError: The folder is no detector of a known format.
        """
        card, arrays = load_parts(folder, kind=KIND)
        config = DetectorConfig.model_validate(card["config"])
        network = make_network(config, n_features=card["n_features"])
        network.load_state_dict(
            {
                name.removeprefix("network."): torch.from_numpy(value)
                for name, value in arrays.items()
                if name.startswith("network.")
            }
        )
        return cls(
            DatasetConfig.model_validate(card["dataset"]),
            config,
            card["series_ids"],
            Scaler(arrays["scaler.center"], arrays["scaler.scale"]),
            network.eval(),
            card["threshold"],
            card["calibrated_until"],
        )


def make_network(config: DetectorConfig, *, n_features: int) -> LSTMAutoencoder:
    """Make the network of a config, with fresh weights."""
    return LSTMAutoencoder(
        n_features=n_features,
        hidden=config.hidden,
        layers=config.layers,
        dropout=config.dropout,
    )
