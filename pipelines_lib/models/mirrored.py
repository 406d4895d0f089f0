"""Mirroring: a network that learns from each window and from its mirror image alike."""

import torch
from torch import Tensor

from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import Network


class Mirrored(Network):
    """In training, turn the target of half of the windows upside down, and the answer back.

    What rises may as well fall: a trend of the training rows is not learned by heart.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Inputs) -> Tensor:
        """Map scaled windows (B, L, F) to scaled forecasts (B, H, Q)."""
        if not self.training:
            return self.network(inputs)
        past, targets = inputs.past, inputs.targets
        sign = past.new_ones(len(past), 1).bernoulli_(0.5).mul_(2).sub_(1)  # (B, 1)
        turned = past.clone()
        turned[..., 0] *= sign
        truth = None if targets is None else targets * sign
        made = self.network(inputs.with_past(turned, truth)) * sign.unsqueeze(-1)
        # The lower end of a mirror image is the upper end of the window.
        return torch.where(sign.unsqueeze(-1) < 0, made.flip(-1), made)

    def begin_epoch(self, epoch: int) -> None:
        """Pass the epoch on."""
        self.network.begin_epoch(epoch)
