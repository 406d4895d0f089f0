"""An exponential average of a network's weights over the steps of its training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """The average of the weights after each step; with decay 0, the weights themselves.

    The decay of step t is at most (1 + t) / (10 + t), so that a short training does not keep the
    weights that it started from.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._names = [name for name, _ in model.named_parameters()] if decay else []
        self._weights = [weight.detach() for weight in model.parameters()] if decay else []
        self._averages = [weight.clone() for weight in self._weights]

    def update(self, step: int) -> None:
        """Take in the weights as they are after step 1, 2, ..."""
        if self.decay:
            decay = min(self.decay, (1 + step) / (10 + step))
            get_ema_multi_avg_fn(decay)(self._averages, self._weights, step)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Give the network the averages inside the block, and its own weights back after it."""
        own = [weight.clone() for weight in self._weights]
        _fill(self._weights, self._averages)
        try:
            yield
        finally:
            _fill(self._weights, own)

    def state(self) -> dict[str, Tensor]:
        """Return the averages by the weights' names; empty with decay 0."""
        return dict(zip(self._names, self._averages, strict=True))

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from averages that `state` returned."""
        _fill(self._averages, [state[name] for name in self._names])


@torch.no_grad()
def _fill(tensors: list[Tensor], values: list[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
