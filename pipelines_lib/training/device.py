"""Which device computes, and on how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from pipelines_lib.errors import ConfigError


def choose_device(wanted: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`.

    Raises:
        ConfigError: cuda is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "TIDEWATCH_DEVICE=cuda, but PyTorch sees no GPU: install its driver and a CUDA build "
            "of torch, or set TIDEWATCH_DEVICE=auto"
        )
    use_gpu = wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if use_gpu else "cpu")


SMALL = 200_000
"""Weights of a network whose batches cost so little that threads would mostly wait for each other:
beside other work on the machine an epoch on two threads took up to twenty times as long."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold torch to one thread of the CPU inside the block.

    What is shared out over threads depends in its last bits on how many there are, and on its place
    in the batch.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def few_threads(network: nn.Module) -> Iterator[None]:
    """Hold torch to one thread inside the block if the network is small."""
    small = sum(weight.numel() for weight in network.parameters()) <= SMALL
    with one_thread() if small else nullcontext():
        yield
