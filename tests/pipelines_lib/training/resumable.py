"""A small training with everything random in it. As a script, it hangs within an epoch.

    python resumable.py CHECKPOINT STEP CONFIG

trains with the fields of CONFIG (JSON), prints `epoch N` after each epoch's checkpoint and `step`
in the midst of training step STEP, and waits there to be killed.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pipelines_lib.config import TrainingConfig
from pipelines_lib.training import ForecastData, seeded, train

CONFIG = {
    "max_epochs": 6,
    "batch_size": 8,
    "learning_rate": 0.02,
    "patience": 6,
    "plateau_patience": 0,
    "windows_per_epoch": 40,
    "seed": 3,
}
STEPS_PER_EPOCH = 5


class Small(nn.Module):
    """Two recurrent layers with dropout between and after; more of it in later epochs."""

    def __init__(self, hidden=6, dropout=0.3, on_step=lambda step: None):
        super().__init__()
        self.encoder = nn.LSTM(1, hidden, 2, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, 2)
        self.most, self.on_step, self.steps = dropout, on_step, 0

    def begin_epoch(self, epoch):
        self.dropout.p = self.most * min(1, epoch / 4)

    def forward(self, inputs):
        if self.training:
            self.steps += 1
            self.on_step(self.steps)
        states, _ = self.encoder(inputs.past)
        return self.head(self.dropout(states[:, -1]))


def train_sine(
    checkpoint=None, on_epoch=lambda report: None, on_step=lambda step: None, dropout=0.3, **config
):
    """Return the network and the result of a training on 100 noisy steps of a sine."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    steps = np.sin(np.arange(100) / 3) + 0.1 * rng.normal(size=100)
    data = ForecastData.make(
        steps[:, None],
        lookback=10,
        horizon=2,
        sampling_rate=1,
        device=torch.device("cpu"),
        targets=steps,
    )
    settings = TrainingConfig(**{**CONFIG, **config})
    with seeded(settings.seed):
        network = Small(dropout=dropout, on_step=on_step)
        result = train(
            network,
            data,
            train_origins=np.arange(9, 70),
            validation_origins=np.arange(75, 98),
            config=settings,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
    return network, result


if __name__ == "__main__":

    def wait_to_be_killed(step):
        if step == int(sys.argv[2]):
            print("step", flush=True)
            time.sleep(120)

    train_sine(
        Path(sys.argv[1]),
        lambda report: print(f"epoch {report.epoch}", flush=True),
        wait_to_be_killed,
        **json.loads(sys.argv[3]),
    )
