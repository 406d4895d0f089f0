"""Networks made of networks: the mean of several, or one for each series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.network import Network, known


class _Combined(Network):
    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def begin_epoch(self, epoch: int) -> None:
        """Pass the epoch on to each network."""
        for network in self.networks:
            cast(Network, network).begin_epoch(epoch)


class Ensemble(_Combined):
    """Forecast the mean of what the members forecast, level by level."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Map one scaled batch to the members' mean forecasts (B, H, Q)."""
        return torch.stack([member(inputs) for member in self.networks]).mean(0)


class PerSeries(_Combined):
    """Give each window to its own series' network; `series` counts them from 0."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Map one scaled batch to scaled forecasts (B, H, Q).

        Raises:
            IndexError: A window's series has no network.
        """
        series = known(inputs.series, "series")
        numbers = series.unique().tolist() or [0]  # a batch of none has a shape too
        rows = [(series == number).nonzero().squeeze(1) for number in numbers]
        parts = [
            self.networks[number](_take(inputs, windows))
            for number, windows in zip(numbers, rows, strict=True)
        ]
        return torch.cat(parts)[torch.cat(rows).argsort()]


def _take(inputs: Inputs, rows: Tensor) -> Inputs:
    def some(part: Tensor | None) -> Tensor | None:
        return None if part is None else part[rows.to(part.device)]

    return replace(
        inputs,
        past=inputs.past[rows],
        future=some(inputs.future),
        series=some(inputs.series),
        lengths=some(inputs.lengths),
        targets=some(inputs.targets),
    )
