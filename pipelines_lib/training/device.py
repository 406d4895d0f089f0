"""Which device computes, and on how many threads."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

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


def multiplies_bfloat16() -> bool:
    """Return whether this machine's processor multiplies bfloat16 in hardware.

    Elsewhere torch does it in software, slower than in float32. There is no public question: these
    two are what torch's own compiler asks.
    """
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def precision_of(
    device: torch.device, wanted: Literal["never", "gpu", "always"]
) -> AbstractContextManager[object]:
    """Return the context in which a network's forward pass runs: bfloat16, or as it is.

    It can be entered again and again.
    """
    fits = device.type == "cuda" or (wanted == "always" and multiplies_bfloat16())
    if wanted == "never" or not fits:
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
