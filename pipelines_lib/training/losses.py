"""Losses on scaled values. Shapes: B batch, H horizon, Q quantile levels."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
"""Maps what a network answered and the targets to one number, the mean over windows."""

LOSSES: dict[str, Loss] = {
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "huber": functional.smooth_l1_loss,
}


def point(loss: Loss) -> Loss:
    """Return a loss for forecasts (B, H, 1), from one for (B, H)."""

    def point_loss(predicted: Tensor, targets: Tensor) -> Tensor:
        return loss(predicted.squeeze(-1), targets)

    return point_loss


def pinball(levels: Sequence[float]) -> Loss:
    """Return the mean quantile loss of forecasts (B, H, Q) for these levels (Q,).

    A forecast too low by e costs level * e, one too high (1 - level) * e; at level 0.5 that is
    half the absolute error.
    """
    on: dict[torch.device, Tensor] = {}

    def pinball_loss(predicted: Tensor, targets: Tensor) -> Tensor:
        device = predicted.device
        if device not in on:  # once, since copying to a GPU at each step would halt it
            on[device] = torch.tensor(levels, device=device)
        missing = targets.unsqueeze(-1) - predicted
        return torch.mean(on[device] * missing + functional.relu(-missing))

    return pinball_loss
