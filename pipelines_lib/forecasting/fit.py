"""Fit a forecaster: split, scale on the past, train, calibrate its interval, judge it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pipelines_lib.config import DatasetConfig, ForecasterConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.forecasting.baselines import forecast_baselines
from pipelines_lib.forecasting.evaluation import Evaluation, evaluate_forecasts, step_scale
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.forecasting.intervals import fit_width, interval_unit
from pipelines_lib.forecasting.networks import make_networks, train_networks
from pipelines_lib.forecasting.prepare import (
    Prepared,
    RawInputs,
    fit_scalers,
    make_inputs,
    scale_panel,
)
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.parts import (
    find_usable_series,
    make_part_origins,
    refuse_unknown_series,
)
from pipelines_lib.series.periodicity import find_period
from pipelines_lib.series.splits import Split, make_split
from pipelines_lib.series.windows import horizon_rows
from pipelines_lib.training import EpochReport, TrainingResult

PERIOD_SAMPLE = 50
"""Series looked at when the season is found in the data."""

NOTHING_TO_TRAIN = TrainingResult([], 0, "nothing to train", 0)


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
    split = split or split_history(panel, config)
    raw = make_inputs(panel, dataset, config)
    in_training = split.train.holds(panel.position, panel.position)
    usable, left_out = find_usable_series(
        panel, raw.history[:, None], rows=in_training, need=config.shortest + config.horizon
    )
    prepared, parts = _prepare(panel, raw, dataset, config, split, usable)
    if config.scope == "per_series":
        lacking = _lack_windows(panel, parts, usable, wanted=config.train_series)
        left_out |= lacking
        usable &= ~np.isin(panel.series_ids, list(lacking))
        if not usable.any():
            name, reason = next(iter(left_out.items()))
            raise SeriesError(
                f"no series can have a network of its own; series {name}: {reason}. Ingest more "
                "history, or set scope=global"
            )
        prepared, parts = _prepare(panel, raw, dataset, config, split, usable)

    season = config.season or _find_season(panel, raw.history, in_training)
    chosen = np.flatnonzero(usable)
    training, network = NOTHING_TO_TRAIN, None
    if config.trained:
        network = make_networks(
            config,
            n_inputs=prepared.inputs.shape[1],
            n_future=prepared.future.shape[1],
            n_series=len(chosen),
        )
        training = train_networks(
            network,
            prepared.make_data(device),
            config=config,
            train_origins=parts["train"],
            validation_origins=parts["validation"],
            series=prepared.known_series,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
    last_seen = panel.calendar.times(np.array([split.calibration.last]))[0]
    forecaster = Forecaster(
        dataset,
        config,
        [panel.series_ids[number] for number in chosen],
        prepared.input_scaler.take(chosen),
        prepared.target_scaler.take(chosen),
        network,
        prepared.future.shape[1],
        np.zeros(config.horizon),
        season,
        str(last_seen),
    )
    width = _fit_interval(forecaster, prepared, parts["calibration"], device)
    forecaster = replace(forecaster, interval_width=width)
    if len(parts["test"]) == 0:
        raise SeriesError("no complete test window: ingest more history or raise split.test_steps")
    scale = step_scale(panel, prepared.level, rows=in_training, steps=config.sampling_rate)
    evaluation = evaluate_on(
        forecaster, prepared, parts["test"], scale=scale, season=season, device=device
    )
    return FittedForecaster(
        forecaster, training, evaluation, parts["test"], left_out, season, scale
    )


def split_history(panel: Panel, config: ForecasterConfig, *, last: int | None = None) -> Split:
    """Divide a panel's positions up to `last` (None: the newest), as the config says.

    Raises:
        SeriesError: Too little is left for training.
    """
    lag = config.sampling_rate
    return make_split(
        first=int(panel.position.min()),
        last=panel.last_position if last is None else last,
        config=config.split,
        lookback=(config.shortest - 1) * lag + 1,
        horizon=config.horizon * lag,
    )


def _prepare(
    panel: Panel,
    raw: RawInputs,
    dataset: DatasetConfig,
    config: ForecasterConfig,
    split: Split,
    usable: np.ndarray,
) -> tuple[Prepared, dict[str, np.ndarray]]:
    """Scale on the training rows of the usable series (S,); return that and each part's origins."""
    rows = split.train.holds(panel.position, panel.position) & usable[panel.row_series]
    prepared = scale_panel(
        panel,
        raw,
        dataset=dataset,
        config=config,
        scalers=fit_scalers(panel, raw, rows=rows, config=config),
        known=[panel.series_ids[number] for number in np.flatnonzero(usable)],
    )
    parts = make_part_origins(
        panel,
        split,
        run=prepared.run,
        lookback=config.shortest,
        sampling_rate=config.sampling_rate,
        targets_known=prepared.targets_known,
        horizon=config.horizon,
        stride=config.stride,
        train_series=config.train_series,
    )
    return prepared, parts


def _lack_windows(
    panel: Panel, parts: dict[str, np.ndarray], usable: np.ndarray, *, wanted: list[str]
) -> dict[str, str]:
    """Say which usable series have no window to train or to stop by, each on its own.

    `wanted` names the series to learn from; empty: all.
    """
    reasons = {}
    for part in ("train", "validation"):
        count = np.bincount(panel.row_series[parts[part]], minlength=len(panel.series_ids))
        for number in np.flatnonzero(usable & (count == 0)):
            reasons[panel.series_ids[number]] = f"no complete {part} window of its own"
    unwanted = set(reasons) - set(wanted) if wanted else set()
    return reasons | {name: "no network of its own: it is not in train_series" for name in unwanted}


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
        interval=config.interval,
    )
    evaluation.metrics["season_steps"] = season
    return evaluation


def _fit_interval(
    forecaster: Forecaster, prepared: Prepared, origins: np.ndarray, device: torch.device
) -> np.ndarray:
    """Fit what is added at both ends of the interval, per step (H,), on calibration windows."""
    config = forecaster.config
    if config.interval_method == "quantile":
        return np.zeros(config.horizon)
    if len(origins) == 0:
        raise SeriesError(
            "no complete calibration window: ingest more history or raise split.calibration_steps"
        )
    lower, _, upper = forecaster.forecast_scaled(prepared, origins, device=device)
    rows = origins[:, None] + horizon_rows(config.horizon, config.sampling_rate)
    actual = forecaster.scale_values(prepared, origins, prepared.level[rows])
    unit = interval_unit(prepared, origins, config)
    return fit_width(lower, upper, actual, unit, level=config.interval)


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
