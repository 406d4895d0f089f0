"""The learning rate over a training."""

import math
from typing import Any

import torch

from pipelines_lib.config import TrainingConfig


class Schedule:
    """Set an optimizer's learning rate as the config wants it.

    plateau: lowered after an epoch, where the validation loss stalls. cosine: set before each step
    to the half cosine that reaches 0 after `max_epochs`, rising linearly at first over
    `warmup_steps`, or a quarter of a training that is shorter. constant: left alone.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, config: TrainingConfig, *, steps_per_epoch: int
    ) -> None:
        self._optimizer = optimizer
        self._first = config.learning_rate
        self._cosine = config.schedule == "cosine"
        self._steps = config.max_epochs * steps_per_epoch
        self._warmup = min(config.warmup_steps, self._steps // 4)
        self._plateau = None
        if config.schedule == "plateau":
            self._plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=config.plateau_factor, patience=config.plateau_patience
            )

    @property
    def learning_rate(self) -> float:
        """Return the rate in force."""
        return float(self._optimizer.param_groups[0]["lr"])

    def before_step(self, step: int) -> None:
        """Set the rate of step 0, 1, ..., counted over all epochs."""
        if self._cosine:
            risen = min(1.0, (step + 1) / (self._warmup + 1))
            self._set(self._first * risen * (1 + math.cos(math.pi * step / self._steps)) / 2)

    def after_epoch(self, validation_loss: float) -> None:
        """Lower the rate if it is time."""
        if self._plateau is not None:
            self._plateau.step(validation_loss)

    def state(self) -> dict[str, Any]:
        """Return what is not in the config and the step number, as plain JSON."""
        if self._plateau is None:
            return {}
        state = self._plateau.state_dict()
        plain = int | float | str | list | None
        return {name: value for name, value in state.items() if isinstance(value, plain)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        if self._plateau is not None:
            self._plateau.load_state_dict(state)
            self._set(state["_last_lr"][0])

    def _set(self, learning_rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
