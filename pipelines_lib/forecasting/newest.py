"""The final fit: on all data, after a backtest has said what it is worth."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from pipelines_lib.config import DatasetConfig, ForecasterConfig
from pipelines_lib.forecasting.fit import fit_forecaster, split_history
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.forecasting.networks import make_networks, train_networks
from pipelines_lib.forecasting.origins import find_origins
from pipelines_lib.series.panel import Panel
from pipelines_lib.training import EpochReport


def fit_newest(
    panel: Panel,
    *,
    dataset: DatasetConfig,
    config: ForecasterConfig,
    device: torch.device,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> Forecaster:
    """Fit on all data, in two steps.

    The first fit holds out validation and calibration, right before a test of one horizon: it says
    how many epochs are best, and sets scalers and intervals. The second trains fresh networks for
    as many epochs on every window there is.

    Raises:
        SeriesError: As `fit_forecaster`.
    """
    held_out = {"test_steps": config.horizon * config.sampling_rate}
    split = split_history(
        panel, config.model_copy(update={"split": config.split.model_copy(update=held_out)})
    )
    fitted = fit_forecaster(
        panel, dataset=dataset, config=config, device=device, split=split, on_epoch=on_epoch
    )
    forecaster = fitted.forecaster
    if not config.trained:
        return forecaster
    prepared = forecaster.prepare(panel)
    every = find_origins(forecaster, prepared)
    if config.train_series:
        wanted = np.isin(panel.series_ids, config.train_series)
        every = every[wanted[panel.row_series[every]]]
    length = {"max_epochs": max(1, fitted.training.best_epoch), "keep": "last"}
    again = config.model_copy(update={"training": config.training.model_copy(update=length)})
    network = make_networks(
        again,
        n_inputs=prepared.inputs.shape[1],
        n_future=prepared.future.shape[1],
        n_series=len(forecaster.series_ids),
    )
    train_networks(
        network,
        prepared.make_data(device),
        config=again,
        train_origins=every,
        validation_origins=every,  # nothing is chosen by it
        series=prepared.known_series,
        checkpoint=None,
        on_epoch=on_epoch,
    )
    newest = panel.calendar.times(np.array([panel.last_position]))[0]
    return replace(forecaster, network=network, calibrated_until=str(newest))
