"""Recurrent layers: one class for all cells, with variational dropout and sequences of any length.

Shapes: B batch, L steps, F inputs, D hidden size, N layers x directions.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipelines_lib.models.unrolled import State, unroll


@dataclass(frozen=True)
class Cell:
    """What a recurrent layer is made of; each field as in `ForecasterConfig`."""

    hidden: int
    kind: Literal["lstm", "gru", "rnn"] = "lstm"
    layers: int = 1
    activation: Literal["tanh", "relu"] = "tanh"
    identity_start: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0


class Recurrent(nn.Module):
    """Run stacked recurrent layers over sequences whose newest step stands last.

    The weights live in torch's own module and run in its fused kernels. Only training with
    recurrent dropout goes step by step: one mask of the state for all steps of a sequence (Gal and
    Ghahramani 2016), which no kernel knows. Under autocast on a GPU they run in the weights' own
    type, on a CPU in bfloat16.
    """

    def __init__(self, n_inputs: int, cell: Cell, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.recurrent_dropout = cell.recurrent_dropout
        self.directions = 2 if bidirectional else 1
        self.width = self.directions * cell.hidden
        self.rnn = _make_rnn(n_inputs, cell, bidirectional)
        if cell.kind == "rnn" and cell.identity_start:
            for name, weight in self.rnn.named_parameters():
                if name.startswith("weight_hh"):
                    nn.init.eye_(weight)
                elif name.startswith("bias"):
                    nn.init.zeros_(weight)

    def forward(
        self,
        steps: Tensor,
        *,
        lengths: Tensor | None = None,
        state: State | None = None,
        masks: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Run over sequences (B, L, F).

        Args:
            steps: The sequences; padding, if any, stands before the real steps.
            lengths: Real steps of each sequence (B,), at least 1, on the CPU; None: all L.
            state: State to start from; None: zeros.
            masks: From `draw_masks`, where several calls belong to one sequence; None: drawn anew.

        Returns:
            Outputs of the top layer (B, L, D x directions), 0 where padded, and the final state.
        """
        kind, dtype = steps.device.type, self.rnn.all_weights[0][0].dtype
        if kind == "cuda" and torch.is_autocast_enabled(kind):  # cuDNN would run in float16,
            with torch.autocast(kind, enabled=False):  # and small gradients would vanish in it
                start = None if state is None else tuple(part.to(dtype) for part in state)
                return self(steps.to(dtype), lengths=lengths, state=start, masks=masks)
        if lengths is not None and bool((lengths >= steps.shape[1]).all()):
            lengths = None
        masks = self.draw_masks(len(steps)) if masks is None else masks
        if masks is not None:
            real = None if lengths is None else real_steps(lengths, steps)
            return unroll(self.rnn, steps, state, real=real, masks=masks)
        if lengths is None:
            outputs, end = self.rnn(steps.transpose(0, 1), self._for_torch(state))
            return outputs.transpose(0, 1), _as_tuple(end)
        packed = pack_padded_sequence(
            _roll(steps, lengths - steps.shape[1]), lengths, batch_first=True, enforce_sorted=False
        )
        outputs, end = self.rnn(packed, self._for_torch(state))
        left, _ = pad_packed_sequence(outputs, batch_first=True, total_length=steps.shape[1])
        return _roll(left, steps.shape[1] - lengths), _as_tuple(end)

    def top(self, state: State) -> Tensor:
        """Return the top layer's output state (B, D x directions)."""
        return state[0][-self.directions :].transpose(0, 1).flatten(1)

    def draw_masks(self, n_sequences: int) -> Tensor | None:
        """Draw the state's masks (N, B, D): 0 or 1 / (1 - recurrent dropout); None: no dropout."""
        if not self.training or self.recurrent_dropout == 0:
            return None
        kept = 1 - self.recurrent_dropout
        shape = (self.directions * self.rnn.num_layers, n_sequences, self.rnn.hidden_size)
        return self.rnn.all_weights[0][1].new_empty(shape).bernoulli_(kept).div_(kept)

    def _for_torch(self, state: State | None) -> Tensor | State | None:
        return state if state is None or len(state) > 1 else state[0]


def real_steps(lengths: Tensor, steps: Tensor) -> Tensor:
    """Return which of the steps (B, L, ...) are no padding: (B, L), on their device."""
    known = lengths.to(steps.device, non_blocking=True).unsqueeze(1)
    return torch.arange(steps.shape[1], device=steps.device) >= steps.shape[1] - known


def _make_rnn(n_inputs: int, cell: Cell, bidirectional: bool) -> nn.RNNBase:
    shape = {  # steps first: torch would else copy the outputs of all steps to turn them
        "input_size": n_inputs,
        "hidden_size": cell.hidden,
        "num_layers": cell.layers,
        "bidirectional": bidirectional,
    }
    between = cell.dropout if cell.layers > 1 else 0.0  # torch warns where there is no between
    if cell.kind == "rnn":
        return nn.RNN(**shape, dropout=between, nonlinearity=cell.activation)
    return {"lstm": nn.LSTM, "gru": nn.GRU}[cell.kind](**shape, dropout=between)


def _as_tuple(state: Tensor | State) -> State:
    return (state,) if isinstance(state, Tensor) else state


def _roll(steps: Tensor, by: Tensor) -> Tensor:
    """Roll each sequence of (B, L, F) to the right by its own number of steps."""
    length = steps.shape[1]
    shift = by.to(steps.device, non_blocking=True).unsqueeze(1)
    index = (torch.arange(length, device=steps.device) - shift) % length  # (B, L)
    return steps.gather(1, index.unsqueeze(-1).expand_as(steps))
