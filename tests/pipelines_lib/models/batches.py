"""Small networks and batches for the tests of models."""

import torch
from torch import Tensor

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.models import Inputs, Network, make_forecast_network

RECURRENT = ("last_step", "seq2seq", "segment")
MODELS = (*RECURRENT, "linear", "convolution")
LOOKBACK, HORIZON, N_INPUTS, N_FUTURE, N_SERIES = 12, 5, 3, 2, 4


def make_config(**fields: object) -> ForecasterConfig:
    """Return a config of a few units: lookback 12, horizon 5, segments of 3; not anchored."""
    small = {
        "lookback": LOOKBACK,
        "horizon": HORIZON,
        "segment_steps": 3,
        "kernel": 3,
        "hidden": 8,
        "anchor": "none",
    }
    return ForecasterConfig(**{**small, **fields})


def make_network(*, n_future: int = 0, **fields: object) -> Network:
    """Return a network of `make_config`, from seed 0, in training mode."""
    torch.manual_seed(0)
    return make_forecast_network(
        make_config(**fields), n_inputs=N_INPUTS, n_future=n_future, n_series=N_SERIES
    )


def make_inputs(n: int = 6, *, n_future: int = 0, seed: int = 0) -> Inputs:
    """Return a random batch for `make_network`, its series 0, 1, 2, 3, 0, ..."""
    draw = torch.Generator().manual_seed(seed)
    return Inputs(
        past=torch.randn(n, LOOKBACK, N_INPUTS, generator=draw),
        future=torch.randn(n, HORIZON, n_future, generator=draw) if n_future else None,
        series=torch.arange(n) % N_SERIES,
    )


def pad(sequence: Tensor, length: int) -> Tensor:
    """Repeat the first step of a sequence (l, F) before it, up to `length` steps."""
    return torch.cat([sequence[:1].expand(length - len(sequence), -1), sequence])
