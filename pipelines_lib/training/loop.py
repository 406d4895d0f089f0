"""The training loop, the same for every network: read `train` from top to bottom."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines_lib.config import TrainingConfig
from pipelines_lib.errors import TrainingError
from pipelines_lib.training.averaging import WeightAverage
from pipelines_lib.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from pipelines_lib.training.device import precision_of
from pipelines_lib.training.losses import LOSSES, Loss
from pipelines_lib.training.schedule import Schedule
from pipelines_lib.training.window_data import TrainingData

IMPROVEMENT = 1e-4
"""A validation loss must fall by this share of the best one to count as better."""


@dataclass(frozen=True)
class EpochReport:
    """One epoch: mean losses per window on scaled values, its last learning rate, wall seconds."""

    epoch: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """What a training did; the model it was given holds the best epoch's weights."""

    history: list[EpochReport]
    best_epoch: int
    stopped: str
    resumed_after: int
    """Epochs that an earlier, interrupted run had finished."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch inside the block and leave its random state as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def train(
    model: nn.Module,
    data: TrainingData,
    *,
    train_origins: np.ndarray,
    validation_origins: np.ndarray,
    config: TrainingConfig,
    loss_of: Loss | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> TrainingResult:
    """Train a network on windows, stop early, keep the best weights; or go on and keep the last.

    Call it inside `seeded`: dropout draws from PyTorch's generator. The forward pass runs in
    bfloat16 where the config says so. With `weight_averaging` the averaged weights are judged and
    kept.

    Args:
        model: Maps what `data` gathers to answers; moved to the data's device, left in eval mode.
            Its `begin_epoch`, if it has one, is told the number of each epoch, from 1, before it.
        data: The series, or the texts: a window is then a text, its origin the text's number.
        train_origins: Origins of the windows to learn from, drawn anew in each epoch.
        validation_origins: Origins of the windows that decide when to stop.
        config: Epochs, batch size, loss and so on.
        loss_of: Loss of answers and targets; None: the config's, of answers shaped as targets.
        checkpoint: File to resume from and to write after each epoch; deleted at the end.
        on_epoch: Called after each epoch. What it raises ends the training; the checkpoint stays.

    Raises:
        TrainingError: There are no windows, or a loss is not finite.
    """
    for name, origins in (("training", train_origins), ("validation", validation_origins)):
        if len(origins) == 0:
            raise TrainingError(
                f"no complete {name} window: ingest more history, or lower lookback, horizon or "
                "split.*_steps"
            )
    device = data.device
    model.to(device)
    weights = list(model.parameters())
    train_set = torch.as_tensor(train_origins, device=device)
    every = math.ceil(len(validation_origins) / config.validation_windows)
    validation_set = torch.as_tensor(validation_origins[::every], device=device)
    loss_of = loss_of or LOSSES[config.loss]
    # Without decay AdamW is Adam; fused, a step takes less than half the time, on CPU too.
    optimizer = torch.optim.AdamW(
        weights, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    n_drawn = min(len(train_set), config.windows_per_epoch)
    schedule = Schedule(optimizer, config, steps_per_epoch=math.ceil(n_drawn / config.batch_size))
    average = WeightAverage(model, config.weight_averaging)
    precision = precision_of(device, config.mixed_precision)
    shuffle = torch.Generator().manual_seed(config.seed)
    begin_epoch = getattr(model, "begin_epoch", lambda epoch: None)
    progress, best = Progress(), _copy(model)
    if checkpoint is not None:
        restored = load_checkpoint(
            checkpoint, model=model, optimizer=optimizer, generator=shuffle, average=average
        )
        if restored is not None:
            progress, best = restored
            schedule.restore(progress.scheduler)
    resumed_after, stopped = progress.epoch, "max_epochs"

    while progress.epoch < config.max_epochs:
        if progress.epoch - progress.best_epoch >= config.patience:
            stopped = "patience"
            break
        began = time.perf_counter()

        drawn = torch.randperm(len(train_set), generator=shuffle)[:n_drawn]
        begin_epoch(progress.epoch + 1)
        model.train()
        total = torch.zeros((), device=device)
        for batch in data.batches(train_set[drawn.to(device)], config.batch_size, shuffle):
            schedule.before_step(progress.step)
            inputs, targets = data.batch(batch)
            with precision:
                predicted = model(inputs)
            loss = loss_of(predicted.float(), targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            _clip(weights, config.clip_norm)
            optimizer.step()
            progress.step += 1
            average.update(progress.step)
            total.add_(loss.detach(), alpha=len(batch))
        train_loss = float(total) / n_drawn
        with average.in_use():
            validation_loss = evaluate_loss(model, data, validation_set, loss_of, config.batch_size)
            progress.epoch += 1
            _refuse_non_finite(progress.epoch, train_loss, validation_loss, config)
            improved = validation_loss < progress.best_loss * (1 - IMPROVEMENT)
            if improved or config.keep == "last":
                progress.best_loss, progress.best_epoch = validation_loss, progress.epoch
                best = _copy(model)

        report = EpochReport(
            progress.epoch,
            train_loss,
            validation_loss,
            schedule.learning_rate,
            time.perf_counter() - began,
        )
        schedule.after_epoch(validation_loss)
        progress.history.append(asdict(report))
        progress.scheduler = schedule.state()
        if checkpoint is not None:
            save_checkpoint(
                checkpoint,
                progress=progress,
                model=model,
                best=best,
                optimizer=optimizer,
                generator=shuffle,
                average=average,
            )
        on_epoch(report)

    model.load_state_dict(best)
    model.eval()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    history = [
        EpochReport(**{**entry, "epoch": int(entry["epoch"])})  # type: ignore[arg-type]
        for entry in progress.history
    ]
    return TrainingResult(history, progress.best_epoch, stopped, resumed_after)


@torch.no_grad()
def evaluate_loss(
    model: nn.Module, data: TrainingData, origins: Tensor, loss_of: Loss, batch_size: int
) -> float:
    """Return the mean loss per window over these origins."""
    model.eval()
    total = torch.zeros((), device=data.device)
    for batch in data.batches(origins, 4 * batch_size, None):
        inputs, targets = data.batch(batch)
        total += loss_of(model(inputs).float(), targets) * len(batch)
    return float(total) / len(origins)


def _clip(weights: list[nn.Parameter], limit: float) -> None:
    """Scale gradients down to a total norm, as `nn.utils.clip_grad_norm_` does.

    On a CPU the norm can be read at no cost, and gradients below the limit are left alone.
    """
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norm = torch.stack([torch.linalg.vector_norm(each) for each in gradients]).norm()
    if norm.is_cuda or not norm <= limit:
        nn.utils.clip_grads_with_norm_(weights, limit, norm)


def _refuse_non_finite(
    epoch: int, train_loss: float, validation_loss: float, config: TrainingConfig
) -> None:
    for name, loss in (("training", train_loss), ("validation", validation_loss)):
        if not math.isfinite(loss):
            raise TrainingError(
                f"{name} loss is {loss} in epoch {epoch}: lower training.learning_rate "
                f"(now {config.learning_rate}) or training.clip_norm (now {config.clip_norm}), "
                "and look for extreme values in the series"
            )


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
