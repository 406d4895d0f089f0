"""From a window's summary to the whole horizon at once.

Shapes: B batch, D width of the summary, H horizon, K inputs known of the future, Q outputs a step.
"""

from torch import Tensor, nn

from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import known


class Head(nn.Module):
    """Project the summary to every step; what is known of a step adds a term shared by all steps.

    The shared term costs K x Q weights, where a map from the whole future to the whole horizon
    would cost H x K x H x Q.
    """

    def __init__(self, width: int, *, horizon: int, n_future: int, n_outputs: int) -> None:
        super().__init__()
        self.shape = (horizon, n_outputs)
        self.summary = nn.Linear(width, horizon * n_outputs)
        self.future = nn.Linear(n_future, n_outputs, bias=False) if n_future else None

    def forward(self, summary: Tensor, inputs: Inputs) -> Tensor:
        """Map summaries (B, D) and the batch's future (B, H, K) to forecasts (B, H, Q)."""
        steps = self.summary(summary).unflatten(-1, self.shape)
        if self.future is None:
            return steps
        return steps + self.future(known(inputs.future, "future"))
