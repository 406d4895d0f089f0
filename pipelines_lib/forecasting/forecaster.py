"""A fitted forecaster: network, scalers and interval, from raw observations to units and back.

Shapes: N rows, S series, W windows, H horizon, Q quantiles.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipelines_lib import __version__
from pipelines_lib.bundles import load_parts, save_parts
from pipelines_lib.config import DatasetConfig, ForecasterConfig
from pipelines_lib.errors import BundleError
from pipelines_lib.forecasting.baselines import forecast_baselines
from pipelines_lib.forecasting.intervals import interval_unit
from pipelines_lib.forecasting.networks import make_networks
from pipelines_lib.forecasting.prepare import Prepared, fit_scalers, make_inputs, scale_panel
from pipelines_lib.models import Network
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.parts import explain_unready
from pipelines_lib.series.scaling import Scaler, prefer_fitted
from pipelines_lib.series.windows import make_origins

KIND = "forecaster"
WINDOWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Forecaster:
    """Everything that a forecast needs, so that raw rows are enough."""

    dataset: DatasetConfig
    config: ForecasterConfig
    series_ids: list[str]
    """Series with a fitted scaler."""
    input_scaler: Scaler
    target_scaler: Scaler
    network: Network | None
    """None where the model is a naive one."""
    n_future: int
    """Inputs known of the future."""
    interval_width: np.ndarray
    """Added at both ends of the interval per horizon step (H,), in units of `interval_unit`."""
    season: int
    """Rows of the season."""
    calibrated_until: str
    """Last step (UTC, ISO) that training or interval has seen."""

    def prepare(self, panel: Panel) -> Prepared:
        """Scale a panel. A series unknown to the scaler is scaled by its own rows in the panel."""
        raw = make_inputs(panel, self.dataset, self.config)
        everything = np.ones(len(panel.position), dtype=bool)
        own_inputs, own_target = fit_scalers(panel, raw, rows=everything, config=self.config)
        names = {"series_ids": panel.series_ids, "known": self.series_ids}
        return scale_panel(
            panel,
            raw,
            dataset=self.dataset,
            config=self.config,
            scalers=(
                prefer_fitted(self.input_scaler, own_inputs, **names),
                prefer_fitted(self.target_scaler, own_target, **names),
            ),
            known=self.series_ids,
        )

    def forecast_windows(
        self, prepared: Prepared, origins: np.ndarray, *, device: torch.device | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Forecast from origins (W,): values, lower and upper ends (W, H), in units."""
        lower, value, upper = self.forecast_scaled(prepared, origins, device=device)
        width = self.interval_width * interval_unit(prepared, origins, self.config)
        ends = (lower - width, upper + width)
        # A correction below zero may turn a narrow interval inside out: it then shrinks to a point.
        lower, upper = np.minimum(ends[0], value), np.maximum(ends[1], value)
        return (
            self._in_units(prepared, origins, value),
            self._in_units(prepared, origins, lower),
            self._in_units(prepared, origins, upper),
        )

    def forecast_scaled(
        self, prepared: Prepared, origins: np.ndarray, *, device: torch.device | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Forecast from origins (W,): lower end, value and upper end (W, H), in scaled targets.

        All three are the same where the network forecasts a point.
        """
        config = self.config
        if self.network is None:
            made = forecast_baselines(
                prepared.panel,
                prepared.level,
                origins,
                horizon=config.horizon,
                sampling_rate=config.sampling_rate,
                season=self.season,
            )[config.model]
            if config.target_kind == "log_return":  # a line that falls to 0 is no price any more
                made = np.where(made > 0, made, prepared.level[origins][:, None])
            value = self.scale_values(prepared, origins, made)
            return value, value, value
        device = device or torch.device("cpu")
        network = self.network.to(device).eval()
        data = prepared.make_data(device)
        with torch.inference_mode():
            parts = [
                network(data.inputs(batch)).float().cpu()
                for batch in torch.as_tensor(origins, device=device).split(WINDOWS_AT_ONCE)
                if len(batch)
            ]
        n_quantiles = len(config.quantiles)
        predicted = torch.cat([torch.empty(0, config.horizon, n_quantiles), *parts]).double()
        if config.target_kind == "log_return":  # networks learn all steps at one scale
            predicted *= torch.sqrt(torch.arange(1, config.horizon + 1))[:, None]
        ordered = np.sort(predicted.numpy(), axis=2)
        middle = n_quantiles // 2
        return ordered[..., 0], ordered[..., middle], ordered[..., -1]

    def scale_values(
        self, prepared: Prepared, origins: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """Return values (W, H) in units as scaled targets seen from their origins."""
        series = prepared.panel.row_series[origins]
        scale = prepared.target_scaler.scale[series]
        if self.config.target_kind == "level":
            return (values - prepared.target_scaler.center[series]) / scale
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(values / prepared.level[origins][:, None]) / scale

    def _in_units(self, prepared: Prepared, origins: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        series = prepared.panel.row_series[origins]
        scale = prepared.target_scaler.scale[series]
        if self.config.target_kind == "level":
            return scaled * scale + prepared.target_scaler.center[series]
        return prepared.level[origins][:, None] * np.exp(scaled * scale)

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

    def find_origins(self, prepared: Prepared) -> np.ndarray:
        """Return every row that can be forecast from, whatever follows it."""
        panel, config = prepared.panel, self.config
        origins = make_origins(
            prepared.run,
            offsets=panel.offsets,
            lookback=config.shortest,
            sampling_rate=config.sampling_rate,
        )
        if config.scope == "per_series":  # a series without a network of its own has none
            origins = origins[prepared.known_series[origins] < len(self.series_ids)]
        return origins[np.isfinite(prepared.level[origins])]

    def _last_origins(self, prepared: Prepared) -> tuple[np.ndarray, dict[str, str]]:
        panel, config = prepared.panel, self.config
        last = panel.offsets[1:] - 1
        ahead = config.horizon * config.sampling_rate
        over = panel.position[last] + ahead <= panel.last_position
        ready = np.isin(last, self.find_origins(prepared)) & ~over
        left_out = explain_unready(
            panel, prepared.run, np.flatnonzero(~ready & ~over), config.shortest
        )
        if config.scope == "per_series":
            strangers = np.flatnonzero(prepared.known_series[last] == len(self.series_ids))
            left_out |= {
                panel.series_ids[number]: "no network was trained for it: train again"
                for number in strangers
            }
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
            "series_ids": self.series_ids,
            "n_future": self.n_future,
            "season": self.season,
            "calibrated_until": self.calibrated_until,
        }
        arrays = {
            "input_scaler.center": self.input_scaler.center,
            "input_scaler.scale": self.input_scaler.scale,
            "target_scaler.center": self.target_scaler.center,
            "target_scaler.scale": self.target_scaler.scale,
            "interval_width": self.interval_width,
        }
        if self.network is not None:
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
        if "season" not in card:
            raise BundleError(
                f"{folder} holds a forecaster of an older form: train the model again"
            )
        config = ForecasterConfig.model_validate(card["config"])
        input_scaler = Scaler(arrays["input_scaler.center"], arrays["input_scaler.scale"])
        dataset, known = DatasetConfig.model_validate(card["dataset"]), card["series_ids"]
        network = None
        if config.trained:
            network = make_networks(
                config,
                n_inputs=1 + input_scaler.center.shape[1],
                n_future=card["n_future"],
                n_series=len(known),
            )
            network.load_state_dict(
                {
                    name.removeprefix("network."): torch.from_numpy(value)
                    for name, value in arrays.items()
                    if name.startswith("network.")
                }
            )
            network.eval()
        return cls(
            dataset,
            config,
            known,
            input_scaler,
            Scaler(arrays["target_scaler.center"], arrays["target_scaler.scale"]),
            network,
            card["n_future"],
            arrays["interval_width"],
            card["season"],
            card["calibrated_until"],
        )


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
