"""Recurrent forecaster whose last state gives the whole horizon.

Shapes: B batch, L lookback, F inputs, D hidden size, H horizon, K future inputs, Q outputs a step.
"""

from torch import Tensor, nn

from pipelines_lib.models.cells import Cell, Recurrent
from pipelines_lib.models.head import Head
from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import Network


class LastStep(Network):
    """Encode the window; project the last state to every step of the horizon.

    Direct rather than recursive: an early error cannot compound along the horizon.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        bidirectional: bool,
        n_inputs: int,
        n_future: int,
        horizon: int,
        n_outputs: int,
    ) -> None:
        super().__init__()
        self.encoder = Recurrent(n_inputs, cell, bidirectional=bidirectional)
        self.dropout = nn.Dropout(cell.dropout)
        self.head = Head(
            self.encoder.width, horizon=horizon, n_future=n_future, n_outputs=n_outputs
        )

    def forward(self, inputs: Inputs) -> Tensor:
        """Map scaled windows (B, L, F) to scaled forecasts (B, H, Q)."""
        _, state = self.encoder(inputs.past, lengths=inputs.lengths)
        return self.head(self.dropout(self.encoder.top(state)), inputs)
