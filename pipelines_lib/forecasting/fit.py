"""Fit a forecaster: split, scale on the past, train, calibrate its interval, judge it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipelines_lib.config import DatasetConfig, ForecasterConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.forecasting.baselines import forecast_baselines
from pipelines_lib.forecasting.evaluation import Evaluation, evaluate_forecasts, step_scale
from pipelines_lib.forecasting.forecaster import (
    Forecaster,
    Prepared,
    fit_scalers,
    make_network,
    scale_panel,
)
from pipelines_lib.series.features import feature_names, is_scaled, make_features, make_target
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.parts import (
    find_usable_series,
    make_part_origins,
    refuse_unknown_series,
)
from pipelines_lib.series.periodicity import find_period
from pipelines_lib.series.splits import Split, make_split
from pipelines_lib.series.windows import horizon_rows
from pipelines_lib.training import EpochReport, TrainingResult, WindowData, seeded, train

PERIOD_SAMPLE = 50
"""Series looked at when the season is found in the data."""


@dataclass(frozen=True)
class FittedForecaster:
    """A forecaster with the record of how it came to be."""

    forecaster: Forecaster
    training: TrainingResult
    evaluation: Evaluation
    test_origins: np.ndarray
    """Rows of the panel that it was judged from (W,)."""
    left_out: dict[str, str]
    """Series that it could not learn from, with the reason."""
    season: int
    scale: np.ndarray
    """Mean absolute change per step in the training rows (S,), the unit of MASE."""


def fit_forecaster(
    panel: Panel,
    *,
    dataset: DatasetConfig,
    config: ForecasterConfig,
    device: torch.device,
    split: Split | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> FittedForecaster:
    """Train on the oldest part of the history and judge on the newest.

    Scalers see training rows only; the interval is fitted on calibration rows; the metrics come
    from test rows. Same panel, config and kind of device give the same weights.

    Raises:
        SeriesError: No series has enough history, or all of them are constant.
        ConfigError: A feature or the target does not suit the data.
        TrainingError: A loss is not finite.
    """
    refuse_unknown_series(config.train_series, panel, "train_series")
    lag = config.sampling_rate
    split = split or make_split(
        first=int(panel.position.min()),
        last=panel.last_position,
        config=config.split,
        lookback=(config.lookback - 1) * lag + 1,
        horizon=config.horizon * lag,
    )
    in_training = panel.position <= split.train.last
    raw = make_features(panel, config.features)
    target = make_target(panel, dataset.target, target_kind=config.target_kind, steps=lag)
    names = feature_names(config.features, panel)
    usable, left_out = find_usable_series(
        panel, target[:, None], rows=in_training, need=config.lookback + config.horizon
    )
    rows = in_training & usable[panel.row_series]
    input_scaler, target_scaler = fit_scalers(
        panel, raw, target, is_scaled(names), rows=rows, config=config
    )
    prepared = scale_panel(panel, raw, target, input_scaler, target_scaler, dataset.target)
    parts = make_part_origins(
        panel,
        split,
        inputs_known=prepared.inputs_known,
        lookback=config.lookback,
        sampling_rate=lag,
        targets_known=prepared.targets_known,
        horizon=config.horizon,
        stride=config.stride,
        train_series=config.train_series,
    )

    data = WindowData.make(
        prepared.inputs,
        lookback=config.lookback,
        sampling_rate=lag,
        device=device,
        targets=prepared.targets,
        horizon=config.horizon,
    )
    with seeded(config.training.seed):
        network = make_network(config, n_features=len(names))
        training = train(
            network,
            data,
            train_origins=parts["train"],
            validation_origins=parts["validation"],
            config=config.training,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
    chosen = np.flatnonzero(usable)
    last_seen = panel.calendar.times(np.array([split.calibration.last]))[0]
    forecaster = Forecaster(
        dataset,
        config,
        [panel.series_ids[number] for number in chosen],
        input_scaler.take(chosen),
        target_scaler.take(chosen),
        network,
        np.zeros(config.horizon),
        str(last_seen),
    )
    width = _fit_interval(forecaster, prepared, parts["calibration"], device)
    forecaster = Forecaster(**{**vars(forecaster), "interval_width": width})
    season = config.season or _find_season(panel, prepared.targets, in_training)
    if len(parts["test"]) == 0:
        raise SeriesError("no complete test window: ingest more history or raise split.test_steps")
    scale = step_scale(panel, prepared.level, rows=in_training, steps=lag)
    evaluation = evaluate_on(
        forecaster, prepared, parts["test"], scale=scale, season=season, device=device
    )
    return FittedForecaster(
        forecaster, training, evaluation, parts["test"], left_out, season, scale
    )


def evaluate_on(
    forecaster: Forecaster,
    prepared: Prepared,
    origins: np.ndarray,
    *,
    scale: np.ndarray,
    season: int,
    device: torch.device,
) -> Evaluation:
    """Judge a forecaster and the baselines from these origins (W,).

    `scale` (S,) is the unit of MASE, `season` the seasonal-naive baseline's, in rows.
    """
    config = forecaster.config
    evaluation = evaluate_forecasts(
        panel=prepared.panel,
        level=prepared.level,
        origins=origins,
        ahead=horizon_rows(config.horizon, config.sampling_rate),
        forecast=forecaster.forecast_windows(prepared, origins, device=device),
        baselines=forecast_baselines(
            prepared.panel,
            prepared.level,
            origins,
            horizon=config.horizon,
            sampling_rate=config.sampling_rate,
            season=season,
        ),
        scale=scale,
    )
    evaluation.metrics["season_steps"] = season
    return evaluation


def _fit_interval(
    forecaster: Forecaster, prepared: Prepared, origins: np.ndarray, device: torch.device
) -> np.ndarray:
    """Fit the interval's half width per step (H,) by split conformal prediction.

    Of the n absolute residuals, in units of the series' target scale, the one of rank
    ceil((n + 1) level), smallest first (Lei et al. 2018).
    """
    config = forecaster.config
    if len(origins) == 0:
        raise SeriesError(
            "no complete calibration window: ingest more history or raise split.calibration_steps"
        )
    value, _, _ = forecaster.forecast_windows(prepared, origins, device=device)
    actual = prepared.level[origins[:, None] + horizon_rows(config.horizon, config.sampling_rate)]
    if config.target_kind == "log_return":
        value, actual = np.log(value), np.log(actual)
    scale = prepared.target_scaler.scale[prepared.panel.row_series[origins]]
    residual = np.abs(actual - value) / scale
    rank = min(len(residual), math.ceil((len(residual) + 1) * config.interval))
    return np.sort(residual, axis=0)[rank - 1]


def _find_season(panel: Panel, target: np.ndarray, in_training: np.ndarray) -> int:
    """Return the median dominant period over a sample of series, else the calendar's season."""
    every = max(1, len(panel.series_ids) // PERIOD_SAMPLE)
    periods = []
    for number in range(0, len(panel.series_ids), every):
        rows = slice(panel.offsets[number], panel.offsets[number + 1])
        period = find_period(target[rows][in_training[rows]])
        if period is not None:
            periods.append(period)
    if 2 * len(periods) < len(range(0, len(panel.series_ids), every)):
        return panel.calendar.natural_season
    return int(np.median(periods))
