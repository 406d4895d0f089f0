"""All networks of a forecaster: one, several seeds of it, or one for each series."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pipelines_lib.config import ForecasterConfig, TrainingConfig
from pipelines_lib.models import Ensemble, Network, PerSeries, make_forecast_network
from pipelines_lib.training import (
    LOSSES,
    EpochReport,
    ForecastData,
    TrainingResult,
    few_threads,
    load_weights,
    pinball,
    point,
    save_weights,
    seeded,
    train,
)


def make_networks(
    config: ForecasterConfig, *, n_inputs: int, n_future: int, n_series: int
) -> Network:
    """Make the network of a config, or the networks, with fresh weights."""

    def make_members() -> Network:
        members = []
        for member in range(config.members):
            with seeded(config.training.seed + member):
                made = make_forecast_network(
                    config, n_inputs=n_inputs, n_future=n_future, n_series=n_series
                )
            members.append(made)
        return Ensemble(members) if config.members > 1 else members[0]

    if config.scope == "per_series":
        return PerSeries([make_members() for _ in range(n_series)])
    return make_members()


def train_networks(
    network: Network,
    data: ForecastData,
    *,
    config: ForecasterConfig,
    train_origins: np.ndarray,
    validation_origins: np.ndarray,
    series: np.ndarray,
    checkpoint: Path | None,
    on_epoch: Callable[[EpochReport], None],
) -> TrainingResult:
    """Train every network in turn; one that an interrupted run has finished is not repeated.

    Args:
        network: As `make_networks` made it.
        data: The windows.
        config: The forecaster.
        train_origins: Origins to learn from.
        validation_origins: Origins that decide when to stop.
        series: Number of each row's series (N,), in the order of the networks for each series.
        checkpoint: File to resume from; with several networks, each has one beside it.
        on_epoch: Called after each epoch of each network.

    Returns:
        The mean losses by epoch over the networks that came so far.
    """
    results, finished = [], []
    loss_of = point(LOSSES[config.training.loss])
    if config.learns_quantiles:
        loss_of = pinball(config.quantiles)
    jobs = list(_single_networks(network, config))
    for number, (single, of_series, training) in enumerate(jobs):
        ours, done = checkpoint, None
        if checkpoint is not None and len(jobs) > 1:
            ours = checkpoint.with_name(f"{checkpoint.stem}-{number}{checkpoint.suffix}")
            done = ours.with_suffix(".done")
            finished.append(done)
            if (restored := load_weights(done, single)) is not None:
                results.append(restored)
                continue
        mine = (
            slice(None)
            if of_series is None
            else (series[train_origins] == of_series, series[validation_origins] == of_series)
        )
        chosen, checked = (mine, mine) if isinstance(mine, slice) else mine
        with seeded(training.seed), few_threads(single):
            result = train(
                single,
                data,
                train_origins=train_origins[chosen],
                validation_origins=validation_origins[checked],
                config=training,
                loss_of=loss_of,
                checkpoint=ours,
                on_epoch=on_epoch,
            )
        results.append(result)
        if done is not None:
            save_weights(done, single, result)
    network.to(data.device).eval()
    for path in finished:
        path.unlink(missing_ok=True)
    return results[0] if len(results) == 1 else _mean_result(results)


def count_networks(config: ForecasterConfig, n_series: int) -> int:
    """Return how many networks a forecaster of so many series trains."""
    if not config.trained:
        return 0
    return config.members * (n_series if config.scope == "per_series" else 1)


def _single_networks(
    network: Network, config: ForecasterConfig
) -> Iterator[tuple[nn.Module, int | None, TrainingConfig]]:
    """Yield each network with the series it is for (None: all) and its training."""
    for_series: list[tuple[nn.Module, int | None]] = [(network, None)]
    if isinstance(network, PerSeries):
        for_series = [(one, number) for number, one in enumerate(network.networks)]
    for made, of_series in for_series:
        members = list(made.networks) if isinstance(made, Ensemble) else [made]
        for offset, member in enumerate(members):
            seed = config.training.seed + offset
            yield member, of_series, config.training.model_copy(update={"seed": seed})


def _mean_result(results: list[TrainingResult]) -> TrainingResult:
    longest = max(len(result.history) for result in results)
    history = []
    for epoch in range(1, longest + 1):
        reports = [r.history[epoch - 1] for r in results if len(r.history) >= epoch]
        means = {
            name: float(np.mean([getattr(report, name) for report in reports]))
            for name in ("train_loss", "validation_loss", "learning_rate")
        }
        seconds = sum(report.seconds for report in reports)
        history.append(replace(reports[0], epoch=epoch, seconds=seconds, **means))
    reasons = sorted({result.stopped for result in results})
    return TrainingResult(
        history,
        int(np.median([result.best_epoch for result in results])),
        " or ".join(reasons),
        min(result.resumed_after for result in results),
    )


def count_weights(network: torch.nn.Module) -> int:
    """Return how many numbers a network has learned."""
    return sum(weight.numel() for weight in network.parameters())
