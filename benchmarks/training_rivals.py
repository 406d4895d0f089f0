"""Train darts' BlockRNNModel or neuralforecast's LSTM and count windows per CPU-second.

    python -m benchmarks.training_rivals darts|neuralforecast|versions --rows FILE.npz ...

Called by `benchmarks.training_speed`, by an interpreter that has both libraries; it needs nothing
else of this repository. Prints one JSON object last. One recurrent layer, no dropout, no scaling,
mean squared error and Adam, as in ours; their progress bars, loggers, checkpoints and validation
are off. The clock runs over whole training steps only, from the end of the first epoch (darts) or
of the first `WARM_STEPS` (neuralforecast) on: reading, sampling and building the trainer is free.
"""

import argparse
import importlib.metadata
import json
import logging
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

WARM_STEPS = 20
NEVER = 1_000_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rival", choices=[*RIVALS, "versions"])
    options.add_argument("--rows", type=Path, help="values (series, rows, features), the target 0")
    options.add_argument("--seconds", type=float, default=3.0, help="CPU seconds to train at least")
    options.add_argument("--gpu", action="store_true")
    for name in ("lookback", "horizon", "hidden", "batch"):
        options.add_argument(f"--{name}", type=int)
    args = options.parse_args()
    if args.rival == "versions":
        print(json.dumps(versions()))
        return
    import torch  # not to be waited for by who asks for versions

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    values = np.load(args.rows)["values"]
    clock = Clock(args.seconds, gpu=args.gpu)
    RIVALS[args.rival](values, args, clock)
    print(json.dumps({"rate": clock.steps * args.batch / clock.took, "steps": clock.steps}))


def versions() -> dict[str, str]:
    """Return the versions of the rivals that are installed here."""
    found = {}
    for name in RIVALS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class Clock:
    """Stops a training after enough seconds; times whole steps after the warm-up."""

    def __init__(self, seconds: float, *, gpu: bool) -> None:
        self.seconds, self.gpu = seconds, gpu
        self.began: float | None = None
        self.steps, self.took = 0, 0.0

    def now(self) -> float:
        """Return CPU seconds of this process, or on a GPU wall seconds when it has finished."""
        if self.gpu:
            import torch

            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def start(self) -> None:
        """End the warm-up."""
        self.began = self.began or self.now()

    def count(self, steps: int) -> bool:
        """Take in trained steps; return whether it is enough."""
        if self.began is None:
            return False
        self.steps += steps
        self.took = self.now() - self.began
        return self.took >= self.seconds


def settings(gpu: bool, callback: Any) -> dict[str, Any]:
    """Return a Lightning trainer's settings: nothing but training."""
    return {
        "accelerator": "gpu" if gpu else "cpu",
        "devices": 1,
        "callbacks": [callback],
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }


def train_darts(values: np.ndarray, args: argparse.Namespace, clock: Clock) -> None:
    """Train whole epochs over all windows of all series."""
    from darts import TimeSeries  # type: ignore[import-not-found]
    from darts.models import BlockRNNModel  # type: ignore[import-not-found]
    from pytorch_lightning.callbacks import Callback  # type: ignore[import-not-found]

    class Watch(Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if clock.count(trainer.num_training_batches):
                trainer.should_stop = True
            clock.start()

    values = values.astype("float32")
    model = BlockRNNModel(
        model="LSTM",
        input_chunk_length=args.lookback,
        output_chunk_length=args.horizon,
        hidden_dim=args.hidden,
        n_rnn_layers=1,
        dropout=0.0,
        batch_size=args.batch,
        n_epochs=NEVER,
        optimizer_kwargs={"lr": 1e-3},
        random_state=0,
        pl_trainer_kwargs=settings(args.gpu, Watch()),
    )
    model.fit(
        [TimeSeries.from_values(series[:, :1]) for series in values],
        past_covariates=[TimeSeries.from_values(series[:, 1:]) for series in values],
        verbose=False,
    )


def train_neuralforecast(values: np.ndarray, args: argparse.Namespace, clock: Clock) -> None:
    """Train steps of `batch` windows drawn from all series, as its batches are by default."""
    import pandas as pd
    from neuralforecast import NeuralForecast  # type: ignore[import-not-found]
    from neuralforecast.losses.pytorch import MSE  # type: ignore[import-not-found]
    from neuralforecast.models import LSTM  # type: ignore[import-not-found]
    from pytorch_lightning.callbacks import Callback

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Any, *unused: Any) -> None:
            if clock.count(1):
                trainer.should_stop = True
            if trainer.global_step >= WARM_STEPS:
                clock.start()

    n_series, n_rows, n_features = values.shape
    frame = pd.DataFrame(values.reshape(-1, n_features).astype("float32"))
    frame.columns = pd.Index(["y", *(f"x{column}" for column in range(1, n_features))])
    frame.insert(0, "unique_id", np.repeat(np.arange(n_series), n_rows))
    frame.insert(1, "ds", np.tile(np.arange(n_rows), n_series))
    model = LSTM(
        h=args.horizon,
        input_size=args.lookback,
        h_train=args.horizon,
        hist_exog_list=list(frame.columns[3:]),
        encoder_n_layers=1,
        encoder_hidden_size=args.hidden,
        decoder_layers=1,
        loss=MSE(),
        max_steps=NEVER,
        val_check_steps=NEVER,
        learning_rate=1e-3,
        windows_batch_size=args.batch,
        scaler_type="identity",
        random_seed=1,
        **settings(args.gpu, Watch()),
    )
    NeuralForecast(models=[model], freq=1).fit(frame)


RIVALS = {"darts": train_darts, "neuralforecast": train_neuralforecast}


if __name__ == "__main__":
    main()
