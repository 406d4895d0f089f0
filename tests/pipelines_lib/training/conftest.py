"""Small trainings: a noisy sine for an LSTM, and a network of one weight to reckon by hand."""

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipelines_lib.config import TrainingConfig
from pipelines_lib.training import TrainingResult, WindowData, seeded, train

SCRIPT = Path(__file__).with_name("resumable.py")


@pytest.fixture(scope="session")
def train_sine() -> Callable:
    """Return `train_sine` of resumable.py."""
    return runpy.run_path(str(SCRIPT))["train_sine"]


class OneWeight(nn.Module):
    """Forecast the same number whatever the window; note the windows that were seen."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start))
        self.seen: dict[bool, list[list[float]]] = {True: [], False: []}

    def forward(self, window: Tensor) -> Tensor:
        self.seen[self.training].append(window[:, -1, 0].tolist())
        return self.weight.expand(len(window), 1)


@pytest.fixture
def fit_weight() -> Callable[..., tuple[OneWeight, TrainingResult]]:
    """Return a factory that trains one weight on targets by hand.

    Row i holds the input i, and the target of a window at origin i: `targets[i + 1]`.
    `train` and `validation` are its origins.
    """

    def fit(
        targets, *, train_origins, validation_origins, start=0.0, checkpoint=None, **config
    ) -> tuple[OneWeight, TrainingResult]:
        targets = np.asarray(targets, dtype=float)
        data = WindowData.make(
            np.arange(len(targets), dtype=float)[:, None],
            lookback=1,
            sampling_rate=1,
            device=torch.device("cpu"),
            targets=targets,
            horizon=1,
        )
        network = OneWeight(start)
        defaults = {"max_epochs": 1, "learning_rate": 0.1, "batch_size": 16}
        with seeded(0):
            result = train(
                network,
                data,
                train_origins=np.asarray(train_origins),
                validation_origins=np.asarray(validation_origins),
                config=TrainingConfig(**{**defaults, **config}),
                checkpoint=checkpoint,
            )
        return network, result

    return fit
