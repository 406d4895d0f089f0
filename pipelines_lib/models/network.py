"""What every forecaster network is: a batch in, each step of the horizon out."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from pipelines_lib.errors import ConfigError
from pipelines_lib.models.inputs import Inputs


class Network(nn.Module, ABC):
    """Map `Inputs` to forecasts (B, H, Q): Q levels a step, 1 for a point forecast.

    Nothing is assumed of dtype or device: training may run under autocast.
    """

    @abstractmethod
    def forward(self, inputs: Inputs) -> Tensor:
        """Map one scaled batch to scaled forecasts (B, H, Q)."""

    def begin_epoch(self, epoch: int) -> None:
        """Learn which epoch (1-based) of training begins; most networks do not care."""


def known(value: Tensor | None, name: str) -> Tensor:
    """Return a part of the batch that the network cannot do without.

    Raises:
        ConfigError: The batch lacks it.
    """
    if value is None:
        raise ConfigError(f"the batch has no {name}, which this network was made for: pass it")
    return value
