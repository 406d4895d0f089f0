"""A panel made ready for a forecaster: inputs, targets and scalers, NaN where unknown.

Shapes: N rows, S series, F inputs, P calendar positions, K inputs known of the future.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from pipelines_lib.config import DatasetConfig, ForecasterConfig
from pipelines_lib.series.features import (
    feature_names,
    is_scaled,
    make_calendar_features,
    make_features,
    make_target,
    previous_values,
)
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.scaling import Scaler, fit_scaler
from pipelines_lib.series.windows import count_known
from pipelines_lib.training import ForecastData

VOLATILITY_STEPS, VOLATILITY_FLOOR = 20, 0.1
"""Steps whose mean absolute change is a series' recent movement; its least share of the whole."""


@dataclass(frozen=True)
class Prepared:
    """A panel in the form that networks and intervals want.

    `inputs` (N, F): scaled, the target's own history first. `targets` (N,): the scaled level, or
    the log level over the scale of its changes. `known_series` (N,): the number of each row's
    series in the forecaster's list, the length of that list where it is not in it. `future`
    (P, K) begins at the panel's first position.
    """

    panel: Panel
    config: ForecasterConfig
    inputs: np.ndarray
    targets: np.ndarray
    level: np.ndarray
    future: np.ndarray
    known_series: np.ndarray
    input_scaler: Scaler
    target_scaler: Scaler

    @cached_property
    def run(self) -> np.ndarray:
        """Return how many known steps in a row end at each row (N,)."""
        return count_known(
            np.isfinite(self.inputs).all(axis=1),
            offsets=self.panel.offsets,
            sampling_rate=self.config.sampling_rate,
        )

    @property
    def targets_known(self) -> np.ndarray:
        """Return True where the target of a row is known (N,)."""
        return np.isfinite(self.targets)

    @cached_property
    def movement(self) -> np.ndarray:
        """Return the mean absolute change per step of the newest 20 steps (N,), scaled.

        At least a tenth of the scale, so that a halted share keeps an interval.
        """
        panel, rate = self.panel, self.config.sampling_rate
        total, count = np.zeros(len(self.targets)), np.zeros(len(self.targets))
        for lag in range(VOLATILITY_STEPS):
            newer = previous_values(panel, self.targets, lag * rate) if lag else self.targets
            change = np.abs(newer - previous_values(panel, self.targets, (lag + 1) * rate))
            known = np.isfinite(change)
            total += np.where(known, change, 0.0)
            count += known
        return np.maximum(np.where(count > 0, total / np.maximum(count, 1), 1.0), VOLATILITY_FLOOR)

    def make_data(self, device: torch.device) -> ForecastData:
        """Put inputs and targets on a device, from which windows are gathered."""
        config = self.config
        return ForecastData.make(
            self.inputs,
            lookback=config.lookback,
            sampling_rate=config.sampling_rate,
            device=device,
            targets=self.targets,
            horizon=config.horizon,
            relative=config.target_kind == "log_return",
            future=self.future if self.future.shape[1] else None,
            position=self.panel.position - int(self.panel.position.min()),
            series=self.known_series,
            run=self.run if config.shortest < config.lookback else None,
        )


@dataclass(frozen=True)
class RawInputs:
    """Unscaled inputs of a panel: `features` (N, F - 1) and the target's own history (N,)."""

    names: list[str]
    features: np.ndarray
    history: np.ndarray


def input_names(panel: Panel, dataset: DatasetConfig, config: ForecasterConfig) -> list[str]:
    """Return the features besides the target's own history, which is always the first input.

    A feature that is that history itself is not given twice.
    """
    own = {dataset.target} if config.target_kind == "level" else set()
    if config.target_kind == "log_return" and config.sampling_rate == 1:
        own |= {"close_return"} if dataset.target == "close" else set()
    feature_names(config.features, panel)  # refuses what the panel does not have
    return [name for name in config.features if name not in own]


def make_inputs(panel: Panel, dataset: DatasetConfig, config: ForecasterConfig) -> RawInputs:
    """Compute the inputs of a panel, unscaled.

    Raises:
        ConfigError: A feature or the target does not suit the data.
    """
    chosen = input_names(panel, dataset, config)
    history = make_target(
        panel, dataset.target, target_kind=config.target_kind, steps=config.sampling_rate
    )
    return RawInputs(feature_names(chosen, panel), make_features(panel, chosen), history)


def fit_scalers(
    panel: Panel, raw: RawInputs, *, rows: np.ndarray, config: ForecasterConfig
) -> tuple[Scaler, Scaler]:
    """Fit the scalers of features and target on the rows marked True."""
    fitted = [
        fit_scaler(
            values,
            series=panel.row_series,
            n_series=len(panel.series_ids),
            rows=rows,
            kind=config.scaler,
            scaled=mask,
        )
        for values, mask in (
            (raw.features, is_scaled(raw.names)),
            (raw.history[:, None], None),
        )
    ]
    return fitted[0], fitted[1]


def scale_panel(
    panel: Panel,
    raw: RawInputs,
    *,
    dataset: DatasetConfig,
    config: ForecasterConfig,
    scalers: tuple[Scaler, Scaler],
    known: list[str],
) -> Prepared:
    """Scale a panel by per-series scalers in the panel's order; `known` names the fitted series.

    A log return is only divided by its scale where it is forecast: a forecast of 0 is the last
    value then, whatever the series' drift was.
    """
    series = panel.row_series
    input_scaler, target_scaler = scalers
    history = target_scaler.transform(raw.history[:, None], series)
    features = input_scaler.transform(raw.features, series)
    level = panel.column(dataset.target)
    if config.target_kind == "level":
        targets = history[:, 0]
    else:
        log = np.log(np.where(level > 0, level, np.nan))
        targets = log / target_scaler.scale[series, 0]
    first = int(panel.position.min())
    ahead = config.horizon * config.sampling_rate
    positions = np.arange(first, panel.last_position + ahead + 1)
    number = {name: s for s, name in enumerate(known)}
    numbers = np.array([number.get(name, len(known)) for name in panel.series_ids])
    return Prepared(
        panel,
        config,
        np.concatenate([history, features], axis=1).astype("float32"),
        targets,
        level,
        make_calendar_features(panel.calendar, positions)
        if config.future_features
        else np.empty((len(positions), 0)),
        numbers[series],
        input_scaler,
        target_scaler,
    )
