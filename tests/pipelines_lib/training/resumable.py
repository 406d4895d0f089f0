"""A small training with everything random in it. As a script, it hangs after an epoch.

    python resumable.py CHECKPOINT EPOCH

prints `epoch N` after each epoch's checkpoint and waits to be killed after EPOCH.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from pipelines_lib.config import TrainingConfig
from pipelines_lib.models import LSTMForecaster
from pipelines_lib.training import WindowData, seeded, train

CONFIG = TrainingConfig(
    max_epochs=6,
    batch_size=8,
    learning_rate=0.02,
    patience=6,
    plateau_patience=0,
    windows_per_epoch=40,
    seed=3,
)


def train_sine(checkpoint=None, on_epoch=lambda report: None, config=CONFIG, dropout=0.3):
    """Return the network and the result of a training on 100 noisy steps of a sine."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    steps = np.sin(np.arange(100) / 3) + 0.1 * rng.normal(size=100)
    data = WindowData.make(
        steps[:, None],
        lookback=10,
        sampling_rate=1,
        device=torch.device("cpu"),
        targets=steps,
        horizon=2,
    )
    with seeded(config.seed):
        network = LSTMForecaster(n_features=1, hidden=6, layers=2, dropout=dropout, horizon=2)
        result = train(
            network,
            data,
            train_origins=np.arange(9, 70),
            validation_origins=np.arange(75, 98),
            config=config,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
    return network, result


if __name__ == "__main__":

    def wait_to_be_killed(report):
        print(f"epoch {report.epoch}", flush=True)
        if report.epoch == int(sys.argv[2]):
            time.sleep(120)

    train_sine(Path(sys.argv[1]), wait_to_be_killed)
