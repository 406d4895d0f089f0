"""Recurrent autoencoder: a window squeezed through a few numbers and rebuilt, by segments.

Shapes: B batch, L lookback, F features, D hidden size, K bottleneck, w steps of a segment,
S = L / w segments.
"""

import torch
from torch import Tensor, nn

from pipelines_lib.errors import ConfigError
from pipelines_lib.models.cells import Cell, Recurrent

SPREAD_FLOOR = 0.1
"""A window that moves less than this, in standard deviations of its series, is not blown up."""


class Autoencoder(nn.Module):
    """Summarise the window's segments in the last state; decode all of them from K numbers of it.

    With segments of one step it goes step by step. The decoder is told the summary and the position
    of each segment and starts from rest: what it rebuilds has passed through K numbers, so what
    rarely occurs is rebuilt badly.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        lookback: int,
        segment_steps: int,
        n_features: int,
        bottleneck: int,
    ) -> None:
        """Make the network.

        Raises:
            ConfigError: The lookback is no multiple of the segment.
        """
        super().__init__()
        if lookback % segment_steps:
            raise ConfigError(
                f"lookback {lookback} is no multiple of the segment of {segment_steps} steps: "
                "correct lookback"
            )
        self.steps, self.n_features = segment_steps, n_features
        width = segment_steps * n_features
        self.embed = nn.Linear(width, cell.hidden)
        self.encoder = Recurrent(cell.hidden, cell)
        self.squeeze = nn.Linear(cell.hidden, bottleneck)
        self.widen = nn.Linear(bottleneck, cell.hidden)
        self.position = nn.Parameter(torch.randn(lookback // segment_steps, cell.hidden))
        self.decoder = Recurrent(cell.hidden, cell)
        self.dropout = nn.Dropout(cell.dropout)
        self.head = nn.Linear(cell.hidden, width)

    def forward(self, window: Tensor) -> Tensor:
        """Map normalised windows (B, L, F) to their reconstructions (B, L, F)."""
        segments = window.unflatten(1, (-1, self.steps)).flatten(2)  # (B, S, w * F)
        _, state = self.encoder(self.embed(segments).relu())
        summary = self.squeeze(self.dropout(self.encoder.top(state)))  # (B, K)
        queries = (self.widen(summary).unsqueeze(1) + self.position).relu()  # (B, S, D)
        rebuilt, _ = self.decoder(queries)
        return self.head(rebuilt).unflatten(-1, (self.steps, self.n_features)).flatten(1, 2)


def normalise_windows(windows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return windows (B, L, F) of mean 0 and deviation 1, and the centres and spreads (B, 1, F).

    The deviation is taken as 0.1 at least, in scaled units.
    """
    center = windows.mean(dim=1, keepdim=True)
    spread = windows.std(dim=1, keepdim=True, correction=0).clamp(min=SPREAD_FLOOR)
    return (windows - center) / spread, center, spread
