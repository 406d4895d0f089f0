"""Linear forecaster: one map from lookback to horizon.

Shapes: B batch, L lookback, F inputs, H horizon, K future inputs, Q outputs a step.
"""

import torch
from torch import Tensor

from pipelines_lib.models.head import Head
from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import Network


class LinearMap(Network):
    """Map the target's own lookback to every step of the horizon.

    Anchored, it is NLinear (Zeng et al. 2023). Other inputs add a linear term of their newest step
    alone, the future one of each step's own. The lookback is part of the map: the padding of a
    short series counts as data.
    """

    def __init__(
        self, *, lookback: int, n_inputs: int, n_future: int, horizon: int, n_outputs: int
    ) -> None:
        super().__init__()
        self.head = Head(
            lookback + n_inputs - 1, horizon=horizon, n_future=n_future, n_outputs=n_outputs
        )

    def forward(self, inputs: Inputs) -> Tensor:
        """Map scaled windows (B, L, F) to scaled forecasts (B, H, Q)."""
        own, others = inputs.past[..., 0], inputs.past[:, -1, 1:]
        return self.head(torch.cat([own, others], dim=1), inputs)
