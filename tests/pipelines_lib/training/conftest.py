"""Small trainings: a noisy sine for an LSTM, and a network of one weight to reckon by hand."""

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from pipelines_lib.config import TrainingConfig
from pipelines_lib.training import ForecastData, TrainingResult, seeded, train

SCRIPT = Path(__file__).with_name("resumable.py")


@pytest.fixture(scope="session")
def resumable() -> SimpleNamespace:
    """Return what resumable.py holds."""
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.fixture(scope="session")
def train_sine(resumable) -> Callable:
    """Return `train_sine` of resumable.py."""
    return resumable.train_sine


class OneWeight(nn.Module):
    """Forecast the same number whatever the window; note the windows and epochs that were seen."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start))
        self.seen = {True: [], False: []}
        self.epochs = []

    def begin_epoch(self, epoch):
        self.epochs.append(epoch)

    def forward(self, inputs):
        self.seen[self.training].append(inputs.past[:, -1, 0].tolist())
        return self.weight.expand(len(inputs.past), 1)


@pytest.fixture
def fit_weight() -> Callable[..., tuple[OneWeight, TrainingResult]]:
    """Return a factory that trains one weight on targets by hand.

    Row i holds the input i, and the target of a window at origin i: `targets[i + 1]`.
    `train` and `validation` are its origins.
    """

    def fit(
        targets,
        *,
        train_origins,
        validation_origins,
        start=0.0,
        checkpoint=None,
        loss_of=None,
        on_epoch=lambda report: None,
        **config,
    ) -> tuple[OneWeight, TrainingResult]:
        targets = np.asarray(targets, dtype=float)
        data = ForecastData.make(
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
                loss_of=loss_of,
                checkpoint=checkpoint,
                on_epoch=on_epoch,
            )
        return network, result

    return fit
