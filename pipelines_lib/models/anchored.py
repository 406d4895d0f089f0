"""Anchoring: a network that only ever sees how far the target is from its last value."""

from torch import Tensor
from torch.nn import functional

from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import Network


class Anchored(Network):
    """Take the target's last value off the window and the truth; add it back to every output.

    A level that training has never seen is then nothing new: what is forecast moves along with it.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Inputs) -> Tensor:
        """Map scaled windows (B, L, F) to scaled forecasts (B, H, Q)."""
        past, targets = inputs.past, inputs.targets
        last = past[:, -1:, :1]  # (B, 1, 1)
        shifted = past - functional.pad(last, (0, past.shape[-1] - 1))  # column 0 alone
        truth = None if targets is None else targets - last.squeeze(-1)
        return self.network(inputs.with_past(shifted, truth)) + last

    def begin_epoch(self, epoch: int) -> None:
        """Pass the epoch on."""
        self.network.begin_epoch(epoch)
