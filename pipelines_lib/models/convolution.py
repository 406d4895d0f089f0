"""Convolutional forecaster: filters over time, then the newest step's state to the whole horizon.

Shapes: B batch, L lookback, F inputs, D filters, H horizon, K future inputs, Q outputs a step.
"""

from torch import Tensor, nn
from torch.nn import functional

from pipelines_lib.models.cells import real_steps
from pipelines_lib.models.head import Head
from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import Network


class Convolution(Network):
    """Stack causal 1-D convolutions with ReLU; each layer's steps lie twice as far apart.

    So `layers` of them see 1 + (kernel - 1) x (2^layers - 1) steps. A filter never reaches further
    than the lookback: it would see nothing but padding there.
    """

    def __init__(
        self,
        *,
        lookback: int,
        n_inputs: int,
        n_future: int,
        hidden: int,
        layers: int,
        kernel: int,
        dropout: float,
        horizon: int,
        n_outputs: int,
    ) -> None:
        super().__init__()
        furthest = (lookback - 1) // (kernel - 1)
        self.filters = nn.ModuleList(
            nn.Conv1d(hidden if layer else n_inputs, hidden, kernel, dilation=dilation)
            for layer, dilation in enumerate(min(2**n, furthest) for n in range(layers))
        )
        self.reaches = [(kernel - 1) * min(2**n, furthest) for n in range(layers)]
        self.dropout = nn.Dropout(dropout)
        self.head = Head(hidden, horizon=horizon, n_future=n_future, n_outputs=n_outputs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Map scaled windows (B, L, F) to scaled forecasts (B, H, Q)."""
        signal = inputs.past.transpose(1, 2)  # (B, F, L)
        real = None
        if inputs.lengths is not None:
            real = real_steps(inputs.lengths, inputs.past).unsqueeze(1)  # (B, 1, L)
        for reach, filters in zip(self.reaches, self.filters, strict=True):
            if real is not None:  # as the zeros that stand before a window of its own length
                signal = signal * real
            signal = self.dropout(filters(functional.pad(signal, (reach, 0))).relu())
        return self.head(signal[:, :, -1], inputs)
