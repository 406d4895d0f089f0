"""Times of steps that are numbered and not dated, on the dataset's fixed calendar."""

from datetime import UTC, datetime

import numpy as np

from pipelines_lib.config import DatasetConfig


def number_steps(dataset: DatasetConfig, n_steps: int, *, first: datetime) -> np.ndarray:
    """Return the times of `n_steps` steps of the fixed calendar, datetime64[us].

    The first is the step at `first` (UTC where it names no zone), or the next after it.
    """
    step = np.timedelta64(dataset.step_minutes, "m")
    begin = np.datetime64(0, "us") + np.timedelta64(dataset.offset_minutes, "m")
    moment = first if first.tzinfo is None else first.astimezone(UTC).replace(tzinfo=None)
    number = -((begin - np.datetime64(moment, "us")) // step)
    return begin + (number + np.arange(n_steps)) * step
