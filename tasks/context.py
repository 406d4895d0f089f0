"""Where tasks work: the lake, the tracker and the device that the settings name."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipelines_lib.errors import TidewatchError
from pipelines_lib.settings import Settings

if TYPE_CHECKING:
    import torch

    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.lake import Lake
    from pipelines_lib.tracking import Tracker


@dataclass(frozen=True)
class Context:
    """The places of one task run; opened when first used."""

    settings: Settings

    @cached_property
    def lake(self) -> "Lake":
        """Return the lake."""
        from pipelines_lib.lake import Lake

        return Lake(self.settings.lake_location)

    @cached_property
    def tracker(self) -> "Tracker":
        """Return the tracking store."""
        from pipelines_lib.tracking import Tracker

        return Tracker(self.settings)

    @cached_property
    def device(self) -> "torch.device":
        """Return the device that computes."""
        from pipelines_lib.training import choose_device

        return choose_device(self.settings.device)

    def dataset(self, name: str) -> "DatasetConfig":
        """Return a dataset's declaration."""
        from pipelines_lib.lake import read_dataset

        return read_dataset(self.lake, name)


def open_context() -> Context:
    """Return the context that the environment asks for; the library is heard from now on.

    Prefect hands on what the library logs (PREFECT_LOGGING_EXTRA_LOGGERS), but sets no level: it
    would have that of the root, and a run's log would lack everything below a warning.
    """
    settings = Settings()
    logging.getLogger("pipelines_lib").setLevel(settings.log_level)
    return Context(settings)


def may_pass(task: Any, task_run: Any, state: Any) -> bool:
    """Return whether a failed task is worth repeating: not when a person must act first."""
    try:
        state.result()
    except TidewatchError as error:
        return error.transient
    except Exception:
        return True
    return False
