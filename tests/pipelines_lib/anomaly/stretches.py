"""Scaled series by hand, as the parts of a score see them."""

from collections.abc import Sequence

import numpy as np
import torch

from pipelines_lib.anomaly.parts import Stretch
from pipelines_lib.anomaly.window import Window
from pipelines_lib.series.windows import count_known

NAN = float("nan")
CPU = torch.device("cpu")


def stretch_of(
    *series: Sequence,
    mode: str = "causal",
    lookback: int = 4,
    segment: int = 2,
    smoothing: int = 1,
) -> Stretch:
    """Lay series, each (n,) or (n, F), end to end."""
    arrays = [np.asarray(each, dtype=float) for each in series]
    arrays = [each[:, None] if each.ndim == 1 else each for each in arrays]
    inputs = np.concatenate(arrays)
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in arrays])])
    run = count_known(np.isfinite(inputs).all(axis=1), offsets=offsets)
    window = Window(0, 0.0, segment, lookback, smoothing)
    return Stretch(inputs, offsets, run, window, mode, CPU)


def errors_of(part, stretch: Stretch, wanted: Sequence | None = None) -> np.ndarray:
    """Return a part's errors, of all rows or of those that are wanted."""
    asked = np.ones(len(stretch.run), dtype=bool)
    if wanted is not None:
        asked = np.isin(np.arange(len(stretch.run)), wanted)
    return part.errors(stretch, asked)
