"""Segment-wise recurrent forecaster: a step for each segment of the window, none for the horizon.

After SegRNN (Lin et al. 2023, arXiv:2308.11200), except that its anchoring stands in `anchored.py`.

Shapes: B batch, L lookback, F inputs, D hidden size, H horizon, K future inputs, Q outputs a step,
w steps of a segment, S segments of the lookback, M segments of the horizon.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines_lib.models.cells import Cell, Recurrent
from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import Network, known
from pipelines_lib.models.unrolled import branch


class Segment(Network):
    """Run over the window's segments; decode all of the horizon's segments from the last state.

    Each of them takes a single step of the same cell, on what is learned of its position (and of
    the series): L / w recurrent steps in all, and no error that grows from one to the next.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        segment_steps: int,
        skip_lookback: int,
        n_inputs: int,
        n_future: int,
        n_series: int,
        horizon: int,
        n_outputs: int,
    ) -> None:
        """Make the network.

        Args:
            cell: The recurrent layer.
            segment_steps: Steps of a segment.
            skip_lookback: Lookback of the linear path beside the recurrent one; 0: without.
            n_inputs: Columns of a window.
            n_future: Columns known of the steps ahead.
            n_series: Series that get a vector each; 0: none do.
            horizon: Steps ahead.
            n_outputs: Outputs of each step.
        """
        super().__init__()
        self.steps, self.horizon, self.n_outputs = segment_steps, horizon, n_outputs
        self.n_segments = math.ceil(horizon / segment_steps)
        width = cell.hidden // 2 if n_series else 0
        self.embed = nn.Linear(segment_steps * n_inputs, cell.hidden)
        self.recurrent = Recurrent(cell.hidden, cell)
        self.position = nn.Parameter(torch.randn(self.n_segments, cell.hidden - width))
        # All alike at first: the vector of a series that training never sees stays neutral.
        self.series = nn.Parameter(torch.zeros(n_series, width)) if n_series else None
        self.future = (
            nn.Linear(segment_steps * n_future, cell.hidden, bias=False) if n_future else None
        )
        self.dropout = nn.Dropout(cell.dropout)
        self.head = nn.Linear(cell.hidden, segment_steps * n_outputs)
        self.skip = None
        if skip_lookback:
            self.skip = nn.Linear(skip_lookback // segment_steps, self.n_segments, bias=False)
            nn.init.zeros_(self.skip.weight)  # training begins with the recurrent path alone

    def forward(self, inputs: Inputs) -> Tensor:
        """Map scaled windows (B, L, F) to scaled forecasts (B, H, Q)."""
        masks = self.recurrent.draw_masks(len(inputs.past))
        segments = self.cut(inputs.past)
        lengths = None
        if inputs.lengths is not None:  # in segments: one counts if any of its steps is real
            lengths = (inputs.lengths + self.steps - 1) // self.steps
            lengths = lengths.clamp(max=segments.shape[1])
        embedded = self.embed(segments).relu()  # (B, S, D)
        _, state = self.recurrent(embedded, lengths=lengths, masks=masks)
        decoded = branch(self.recurrent.rnn, self.queries(inputs), state, masks=masks)
        steps = self.head(self.dropout(decoded))  # (B, M, w * Q)
        whole = steps.unflatten(-1, (self.steps, self.n_outputs)).flatten(1, 2)
        if self.skip is not None:
            whole = whole + self.straight(segments).unsqueeze(-1)
        return whole[:, : self.horizon]

    def straight(self, segments: Tensor) -> Tensor:
        """Map the target's segments (B, S, w * F) linearly to the horizon's (B, M * w).

        The weights are the same for every step of a segment, after SparseTSF (Lin et al. 2024,
        arXiv:2405.00946). The padding of a short series counts as data here.
        """
        assert self.skip is not None
        own = segments.unflatten(-1, (self.steps, -1))[..., 0]  # (B, S, w)
        return self.skip(own.transpose(1, 2)).transpose(1, 2).flatten(1)

    def cut(self, past: Tensor) -> Tensor:
        """Cut the newest whole segments out of windows (B, L, F): (B, S, w * F)."""
        used = past.shape[1] // self.steps * self.steps
        return past[:, past.shape[1] - used :].unflatten(1, (-1, self.steps)).flatten(2)

    def queries(self, inputs: Inputs) -> list[Tensor]:
        """Return what each of the horizon's segments is decoded from, as terms of (B, M, D)."""
        if self.series is None:
            terms = [self.position.unsqueeze(0)]
        else:  # each padded to its place in [position, series], so that it is projected once
            left, width = self.position.shape[1], self.series.shape[1]
            terms = [
                functional.pad(self.position, (0, width)).unsqueeze(0),
                functional.pad(_of_series(self.series, inputs), (left, 0)).unsqueeze(1),
            ]
        if self.future is not None:
            lacking = self.n_segments * self.steps - self.horizon
            future = functional.pad(known(inputs.future, "future"), (0, 0, 0, lacking))
            terms.append(self.future(future.unflatten(1, (self.n_segments, -1)).flatten(2)))
        return terms


def _of_series(vectors: Tensor, inputs: Inputs) -> Tensor:
    """Return the vectors of the windows' series: the mean of all for one that is new."""
    table = torch.cat([vectors, vectors.mean(0, keepdim=True)])
    return table[known(inputs.series, "series").clamp(max=len(vectors))]
