"""Turns: what only one run at a time may have on this machine, a dataset or the GPU.

A turn is a lock on a file of the home folder. The kernel frees it when its process ends, however
that comes about, and it knows runs of every kind: scheduled ones, and `tidewatch run` beside them.
"""

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefect.logging import get_run_logger

from pipelines_lib.config.base import DATASET_PATTERN
from pipelines_lib.errors import ConfigError
from tasks.context import open_context

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

    import torch

    from pipelines_lib.settings import Settings

Function = TypeVar("Function", bound=Callable[..., Any])

GPU = "gpu"
ASKED_EVERY_S = 1.0
"""Seconds between two looks at a turn that another run has."""


@contextmanager
def take_turn(
    name: str, settings: "Settings", *, logger: "Logger | LoggerAdapter"
) -> Iterator[None]:
    """Wait until no other run of this machine has the turn, and hold it inside the block.

    Runs wait as long as they must, in no order of arrival; the log says what for.

    Args:
        name: The GPU, or the dataset, as `dataset-NAME`.
        settings: Which home folder it is of.
        logger: Is told of waiting.

    Raises:
        ConfigError: The name is none of a dataset: it may not lead out of the folder.
    """
    from filelock import FileLock, Timeout

    if not re.fullmatch(DATASET_PATTERN, name):
        raise ConfigError(f"dataset {name!r} is no name: use lower-case letters, digits, hyphens")

    settings.turns_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.turns_dir / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("waiting for its turn: another run has %s on this machine", name)
        lock.acquire(poll_interval=ASKED_EVERY_S)
        logger.info("has its turn: %s is free", name)
    try:
        yield
    finally:
        lock.release()


def takes_gpu(function: Function) -> Function:
    """Let a task that trains have the GPU for itself while it runs, where there is one."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        context = open_context()
        with gpu_turn(context.device, context.settings, logger=get_run_logger()):
            return function(*args, **kwargs)

    return cast(Function, run)


@contextmanager
def gpu_turn(
    device: "torch.device", settings: "Settings", *, logger: "Logger | LoggerAdapter"
) -> Iterator[None]:
    """Hold the GPU inside the block if that is the device; a CPU is shared."""
    if device.type != "cuda":
        yield
        return
    with take_turn(GPU, settings, logger=logger):
        yield
