"""Sequence-to-sequence forecaster: the window's state, unrolled step by step over the horizon.

Shapes: B batch, L lookback, F inputs, D hidden size, E width of the encoder's outputs, H horizon,
K future inputs, Q outputs a step.
"""

import math

import torch
from torch import Tensor, nn

from pipelines_lib.models.cells import Cell, Recurrent, real_steps
from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import Network, known
from pipelines_lib.models.unrolled import State


class Seq2Seq(Network):
    """Let a decoder go on from the encoder's state, each step fed with the forecast before it.

    The first step is fed 0: the last value, where the network is anchored. In training a step is
    fed the truth instead with a probability that falls from epoch to epoch; one coin a step.
    """

    share: Tensor
    """Probability that a step of training is fed the truth before it."""

    def __init__(
        self,
        cell: Cell,
        *,
        bidirectional: bool,
        attention: bool,
        teacher_forcing: float,
        teacher_epochs: int,
        n_inputs: int,
        n_future: int,
        horizon: int,
        n_outputs: int,
    ) -> None:
        super().__init__()
        self.horizon, self.n_outputs, self.n_future = horizon, n_outputs, n_future
        self.teacher_forcing, self.teacher_epochs = teacher_forcing, teacher_epochs
        self.encoder = Recurrent(n_inputs, cell, bidirectional=bidirectional)
        self.decoder = Recurrent(1 + n_future, cell)
        n_parts = 2 if cell.kind == "lstm" else 1
        self.bridges = (
            nn.ModuleList(nn.Linear(2 * cell.hidden, cell.hidden) for _ in range(n_parts))
            if bidirectional
            else None
        )
        self.attention = Attention(self.encoder.width, cell.hidden) if attention else None
        self.dropout = nn.Dropout(cell.dropout)
        self.head = nn.Linear(cell.hidden * (2 if attention else 1), n_outputs)
        # A buffer, so that it lies on the device where the coins are drawn.
        self.register_buffer("share", torch.tensor(float(teacher_forcing)), persistent=False)

    def begin_epoch(self, epoch: int) -> None:
        """Lower the share of steps that are fed the truth: linear in the epoch, then 0."""
        left = max(0.0, 1 - (epoch - 1) / self.teacher_epochs)
        self.share.fill_(self.teacher_forcing * left)

    def forward(self, inputs: Inputs) -> Tensor:
        """Map scaled windows (B, L, F) to scaled forecasts (B, H, Q)."""
        outputs, encoded = self.encoder(inputs.past, lengths=inputs.lengths)
        state, masks = self._bridge(encoded), self.decoder.draw_masks(len(outputs))
        keys = None if self.attention is None else self.attention.keys(outputs)
        padded = None
        if inputs.lengths is not None:
            padded = ~real_steps(inputs.lengths, outputs)
        future = known(inputs.future, "future") if self.n_future else None
        truth = inputs.targets if self.training and self.teacher_forcing > 0 else None
        if truth is not None:
            coins = torch.rand(self.horizon, device=truth.device) < self.share

        previous, forecasts = inputs.past.new_zeros(len(outputs), 1), []
        for step in range(self.horizon):
            if truth is not None and step > 0:
                previous = torch.where(coins[step], truth[:, step - 1 : step], previous)
            fed = previous if future is None else torch.cat([previous, future[:, step]], 1)
            decoded, state = self.decoder(fed.unsqueeze(1), state=state, masks=masks)
            seen = decoded.squeeze(1)
            if self.attention is not None:
                context, _ = self.attention(seen, keys, padded)
                seen = torch.cat([seen, context], 1)
            forecast = self.head(self.dropout(seen))  # (B, Q)
            forecasts.append(forecast)
            median = self.n_outputs // 2
            previous = forecast[:, median : median + 1]
        return torch.stack(forecasts, 1)

    def _bridge(self, state: State) -> State:
        """Bring the state of an encoder of two directions to the size of the decoder's."""
        if self.bridges is None:
            return state
        both = [part.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2) for part in state]
        return tuple(bridge(part) for bridge, part in zip(self.bridges, both, strict=True))


class Attention(nn.Module):
    """Scaled dot-product attention of a decoder's step over all states of the window."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.keys = nn.Linear(width, hidden, bias=False)

    def forward(self, query: Tensor, keys: Tensor, padded: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the context (B, D) and the weights (B, L), 0 where `padded` (B, L).

        `query` (B, D); `keys` (B, L, D) are `self.keys` of the encoder's outputs (B, L, E).
        """
        scores = (keys @ query.unsqueeze(-1)).squeeze(-1) / math.sqrt(query.shape[-1])
        if padded is not None:
            scores = scores.masked_fill(padded, -math.inf)
        weights = scores.softmax(-1)
        return (weights.unsqueeze(1) @ keys).squeeze(1), weights
