"""One bidirectional LSTM layer over texts of different lengths.

Shapes: B batch, T steps, F inputs, H units of a direction.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Bidirectional(nn.Module):
    """Run one LSTM forwards and one over each text reversed within its own length.

    So padding, which stands behind, comes after all real steps in both directions and changes no
    output. Packed sequences would do the same, but torch runs them on a CPU without oneDNN's
    kernel and takes several times as long.
    """

    def __init__(self, n_inputs: int, hidden: int) -> None:
        super().__init__()
        self.forwards = _make_lstm(n_inputs, hidden)
        self.backwards = _make_lstm(n_inputs, hidden)

    def forward(self, steps: Tensor, mirrored: Tensor) -> Tensor:
        """Map steps (B, T, F) to states (B, T, 2 H).

        `mirrored` (B, T) is the place of each step in its text read backwards.
        """
        if torch.is_autocast_enabled("cuda"):  # cuDNN would run in float16, whatever was asked for,
            with torch.autocast("cuda", enabled=False):  # and small gradients would vanish in it
                return self(steps.float(), mirrored)
        ahead, _ = self.forwards(steps)
        back, _ = self.backwards(_Mirror.apply(steps, mirrored))
        return torch.cat((ahead, _Mirror.apply(back, mirrored)), -1)


class _Mirror(torch.autograd.Function):
    """Gather steps (B, T, F) by places (B, T) that mirror each row, and so undo themselves.

    The gradient is gathered the same way; torch's own would be scattered and added, slower and on
    a GPU in no fixed order.
    """

    @staticmethod
    def forward(ctx: Any, steps: Tensor, mirrored: Tensor) -> Tensor:
        ctx.save_for_backward(mirrored)
        return _gather(steps, mirrored)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (mirrored,) = ctx.saved_tensors
        return _gather(gradients[0], mirrored), None


def _gather(steps: Tensor, mirrored: Tensor) -> Tensor:
    return steps.gather(1, mirrored.unsqueeze(-1).expand_as(steps))


def _make_lstm(n_inputs: int, hidden: int) -> nn.LSTM:
    """Make a layer whose state at first neither fades nor grows."""
    lstm = nn.LSTM(n_inputs, hidden, batch_first=True)
    weights = dict(lstm.named_parameters())
    nn.init.xavier_uniform_(weights["weight_ih_l0"])
    with torch.no_grad():
        for gate in weights["weight_hh_l0"].chunk(4):
            nn.init.orthogonal_(gate)
        weights["bias_hh_l0"].zero_()
        forget = slice(hidden, 2 * hidden)  # starts by remembering (Jozefowicz et al. 2015)
        weights["bias_ih_l0"].zero_()[forget] = 1
    return lstm
