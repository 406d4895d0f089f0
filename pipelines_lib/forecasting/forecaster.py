"""A fitted forecaster: network, scalers and interval, from raw observations to units and back.

Shapes: N rows, S series, F features, W windows, H horizon.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipelines_lib import __version__
from pipelines_lib.bundles import load_parts, save_parts
from pipelines_lib.config import DatasetConfig, ForecasterConfig
from pipelines_lib.models import LSTMForecaster
from pipelines_lib.series.features import feature_names, is_scaled, make_features, make_target
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.parts import explain_unready
from pipelines_lib.series.scaling import Scaler, fit_scaler, prefer_fitted
from pipelines_lib.series.windows import make_origins
from pipelines_lib.training import WindowData

KIND = "forecaster"
WINDOWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Prepared:
    """A panel made ready for a network: scaled inputs and targets, NaN where unknown."""

    panel: Panel
    inputs: np.ndarray
    targets: np.ndarray
    level: np.ndarray
    target_scaler: Scaler

    @property
    def inputs_known(self) -> np.ndarray:
        """Return True where every input of a row is known (N,)."""
        return np.isfinite(self.inputs).all(axis=1)

    @property
    def targets_known(self) -> np.ndarray:
        """Return True where the target of a row is known (N,)."""
        return np.isfinite(self.targets)


@dataclass(frozen=True)
class Forecaster:
    """Everything that a forecast needs, so that raw rows are enough."""

    dataset: DatasetConfig
    config: ForecasterConfig
    series_ids: list[str]
    """Series with a fitted scaler."""
    input_scaler: Scaler
    target_scaler: Scaler
    network: LSTMForecaster
    interval_width: np.ndarray
    """Half width of the interval per horizon step, in scaled target units (H,)."""
    calibrated_until: str
    """Last step (UTC, ISO) that training or interval has seen."""

    def prepare(self, panel: Panel) -> Prepared:
        """Scale a panel. A series unknown to the scaler is scaled by its own rows in the panel."""
        raw = make_features(panel, self.config.features)
        target = make_target(
            panel,
            self.dataset.target,
            target_kind=self.config.target_kind,
            steps=self.config.sampling_rate,
        )
        scaled = is_scaled(feature_names(self.config.features, panel))
        own_inputs, own_target = fit_scalers(
            panel, raw, target, scaled, rows=np.ones(len(target), dtype=bool), config=self.config
        )
        names = {"series_ids": panel.series_ids, "known": self.series_ids}
        inputs = prefer_fitted(self.input_scaler, own_inputs, **names)
        targets = prefer_fitted(self.target_scaler, own_target, **names)
        return scale_panel(panel, raw, target, inputs, targets, self.dataset.target)

    def forecast_windows(
        self, prepared: Prepared, origins: np.ndarray, *, device: torch.device | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Forecast from origins (W,): values, lower and upper ends (W, H), in units."""
        device = device or torch.device("cpu")
        network = self.network.to(device).eval()
        data = WindowData.make(
            prepared.inputs,
            lookback=self.config.lookback,
            sampling_rate=self.config.sampling_rate,
            device=device,
        )
        with torch.inference_mode():
            parts = [
                network(data.windows(batch)).float().cpu()
                for batch in torch.as_tensor(origins, device=device).split(WINDOWS_AT_ONCE)
                if len(batch)
            ]
        predicted = torch.cat([torch.empty(0, self.config.horizon), *parts]).double().numpy()
        series = prepared.panel.row_series[origins]
        center = prepared.target_scaler.center[series]
        scale = prepared.target_scaler.scale[series]
        half = self.interval_width * scale
        unscaled = predicted * scale + center
        if self.config.target_kind == "level":
            return unscaled, unscaled - half, unscaled + half
        value = prepared.level[origins][:, None] * np.exp(np.cumsum(unscaled, axis=1))
        return value, value * np.exp(-half), value * np.exp(half)

    def forecast_next(
        self, panel: Panel, *, device: torch.device | None = None
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """Forecast the next H steps of every series from its last row.

        Returns:
            Rows `series_id`, `origin`, `step`, `time`, `value`, `lower`, `upper`, `interval`,
            `last_value`; and the series left out, with the reason.
        """
        prepared = self.prepare(panel)
        origins, left_out = self._last_origins(prepared)
        made = self.forecast_windows(prepared, origins, device=device)
        return _forecast_frame(self, prepared, origins, *made), left_out

    def _last_origins(self, prepared: Prepared) -> tuple[np.ndarray, dict[str, str]]:
        panel, config = prepared.panel, self.config
        complete = make_origins(
            prepared.inputs_known,
            offsets=panel.offsets,
            lookback=config.lookback,
            sampling_rate=config.sampling_rate,
        )
        last = panel.offsets[1:] - 1
        ahead = config.horizon * config.sampling_rate
        over = panel.position[last] + ahead <= panel.last_position
        ready = np.isin(last, complete) & np.isfinite(prepared.level[last]) & ~over
        reach = (config.lookback - 1) * config.sampling_rate + 1
        left_out = explain_unready(
            panel, prepared.inputs_known, np.flatnonzero(~ready & ~over), reach
        )
        left_out |= {
            panel.series_ids[number]: (
                f"last observed on {panel.times(last[number : number + 1])[0]:.10}: the whole "
                "horizon is past"
            )
            for number in np.flatnonzero(over)
        }
        return last[ready], left_out

    # --- bundle --------------------------------------------------------------------------------

    def save_bundle(self, folder: Path) -> None:
        """Write everything needed to forecast into a folder."""
        card = {
            "code_version": __version__,
            "dataset": self.dataset.model_dump(mode="json"),
            "config": self.config.model_dump(mode="json"),
            "n_features": self.network.encoder.input_size,
            "series_ids": self.series_ids,
            "calibrated_until": self.calibrated_until,
        }
        arrays = {
            "input_scaler.center": self.input_scaler.center,
            "input_scaler.scale": self.input_scaler.scale,
            "target_scaler.center": self.target_scaler.center,
            "target_scaler.scale": self.target_scaler.scale,
            "interval_width": self.interval_width,
        }
        weights = self.network.cpu().state_dict()
        arrays |= {f"network.{name}": value.numpy() for name, value in weights.items()}
        save_parts(folder, kind=KIND, card=card, arrays=arrays)

    @classmethod
    def load_bundle(cls, folder: Path) -> "Forecaster":
        """Read a forecaster back, on the CPU.

        Raises:
            BundleError: The folder is no forecaster of a known format.
        """
        card, arrays = load_parts(folder, kind=KIND)
        config = ForecasterConfig.model_validate(card["config"])
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
            Scaler(arrays["input_scaler.center"], arrays["input_scaler.scale"]),
            Scaler(arrays["target_scaler.center"], arrays["target_scaler.scale"]),
            network.eval(),
            arrays["interval_width"],
            card["calibrated_until"],
        )


def make_network(config: ForecasterConfig, *, n_features: int) -> LSTMForecaster:
    """Make the network of a config, with fresh weights."""
    return LSTMForecaster(
        n_features=n_features,
        hidden=config.hidden,
        layers=config.layers,
        dropout=config.dropout,
        horizon=config.horizon,
    )


def fit_scalers(
    panel: Panel,
    raw: np.ndarray,
    target: np.ndarray,
    scaled: np.ndarray,
    *,
    rows: np.ndarray,
    config: ForecasterConfig,
) -> tuple[Scaler, Scaler]:
    """Fit the scalers of inputs (N, F) and target (N,) on the rows marked True."""
    fitted = [
        fit_scaler(
            values,
            series=panel.row_series,
            n_series=len(panel.series_ids),
            rows=rows,
            kind=config.scaler,
            scaled=mask,
        )
        for values, mask in ((raw, scaled), (target[:, None], None))
    ]
    return fitted[0], fitted[1]


def scale_panel(
    panel: Panel,
    raw: np.ndarray,
    target: np.ndarray,
    input_scaler: Scaler,
    target_scaler: Scaler,
    target_column: str,
) -> Prepared:
    """Scale features (N, F) and target (N,) by per-series scalers in the panel's order."""
    series = panel.row_series
    inputs = input_scaler.transform(raw, series).astype("float32")
    targets = target_scaler.transform(target[:, None], series)[:, 0].astype("float32")
    return Prepared(panel, inputs, targets, panel.column(target_column), target_scaler)


def _forecast_frame(
    forecaster: Forecaster,
    prepared: Prepared,
    origins: np.ndarray,
    value: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> pd.DataFrame:
    panel, config = prepared.panel, forecaster.config
    steps = np.arange(1, config.horizon + 1)
    ahead = panel.position[origins][:, None] + steps * config.sampling_rate
    ids = np.array(panel.series_ids, dtype=object)[panel.row_series[origins]]
    utc = {
        "origin": np.repeat(panel.times(origins), config.horizon),
        "time": panel.calendar.times(ahead.ravel()),
    }
    return pd.DataFrame(
        {
            "series_id": np.repeat(ids, config.horizon),
            "origin": pd.Series(utc["origin"]).dt.tz_localize("UTC"),
            "step": np.tile(steps, len(origins)),
            "time": pd.Series(utc["time"]).dt.tz_localize("UTC"),
            "value": value.ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
            "interval": config.interval,
            "last_value": np.repeat(prepared.level[origins], config.horizon),
        }
    )
