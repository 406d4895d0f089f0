"""Which device computes."""

import torch

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
