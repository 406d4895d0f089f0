"""How fast the training loop is: windows per CPU-second, against four others in the same run.

    python -m benchmarks.training_speed [--other-python PYTHON] [--data PATH] [--seconds N] [--gpu]

One recurrent layer (LSTM, 64 units), its last state to the next step of the target (horizon 1);
5 features, lookback 30, batches of 64, Adam, mean squared error, one thread; 20 series of 2,000
rows from the synthetic market (log returns), or bars from a file. The contenders:

- ours: `train` as a run calls it, with clipping, checkpoint and early stopping. Nothing is taken
  off its time; it validates after each epoch, as it must, here on one batch.
- bare_loop: gather, forward, backward, step and nothing else; same gather, network, optimizer and
  precision: bfloat16 where the processor multiplies it in hardware, as a job trains by default.
- dataloader: the same, but a DataLoader over windows that were built before the clock started.
- darts' BlockRNNModel and neuralforecast's LSTM, where installed: here, or in an environment of
  their own, whose interpreter is PYTHON. See training_rivals.

In each of `--rounds` rounds the first three take turns, an epoch each, until each has trained for
`--seconds` CPU seconds; then the others do so in processes of their own. An epoch before that warms
up. Rates are medians; ratios are medians of the rounds' own ratios, since other work may share the
machine. With --gpu a second is a wall second, and the share of it that the GPU computes is added.
Prints one JSON object last.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from pipelines_lib.config import DatasetConfig, ForecasterConfig, SourceConfig, TrainingConfig
from pipelines_lib.models import Inputs, Network, make_forecast_network
from pipelines_lib.series.windows import count_known, make_origins
from pipelines_lib.settings import Settings
from pipelines_lib.sources import make_source
from pipelines_lib.training import LOSSES, ForecastData, point, precision_of, seeded, train

LOOKBACK, HORIZON, HIDDEN, BATCH = 30, 1, 64, 64
LEARNING_RATE = 1e-3
LOSS = point(LOSSES["mse"])
COLUMNS = ["close", "open", "high", "low", "volume"]


@dataclass(frozen=True)
class Task:
    """What every contender of this process trains on."""

    data: ForecastData
    origins: np.ndarray

    @property
    def device(self) -> torch.device:
        """Return where it trains."""
        return self.data.device

    @property
    def precision(self) -> AbstractContextManager[object]:
        """Return the context of a forward pass, the same for ours and the bare loops."""
        return precision_of(self.device, TrainingConfig().mixed_precision)

    def now(self) -> float:
        """Return CPU seconds of this process, or on a GPU wall seconds when it has finished."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, help="CSV or Parquet of bars: Date, Open, Close, ...")
    options.add_argument("--series-column", default="Code", help="column of --data")
    options.add_argument("--series", type=int, default=20)
    options.add_argument("--rows", type=int, default=2000, help="rows of a series")
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--other-python", default=sys.executable, metavar="PYTHON")
    options.add_argument("--gpu", action="store_true")
    args = options.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(measure(args)))


def measure(args: argparse.Namespace) -> dict[str, object]:
    values = read_values(args)
    task = make_task(values, torch.device("cuda" if args.gpu else "cpu"))
    slowest = max(run(task) for run in CONTENDERS.values())  # this warms up too
    epochs = max(1, math.ceil(args.seconds / slowest))
    versions = ask_rivals(args.other_python, "versions")
    rates: dict[str, list[float]] = {}
    with TemporaryDirectory() as folder:
        rows = Path(folder, "rows.npz")
        np.savez(rows, values=values)
        sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "hidden": HIDDEN, "batch": BATCH}
        more = [f"--{name}={size}" for name, size in sizes.items()]
        more += [f"--rows={rows}", f"--seconds={args.seconds}", *["--gpu"] * args.gpu]
        for _ in range(args.rounds):
            for name, seconds in take_turns(task, epochs).items():
                rates.setdefault(name, []).append(epochs * len(task.origins) / seconds)
            for name in versions:
                answer = ask_rivals(args.other_python, name, *more)
                rates.setdefault(name, []).append(answer["rate"])
    result: dict[str, object] = {name: round(median(each)) for name, each in rates.items()}
    for name, other in (("bare", "bare_loop"), *((rival, rival) for rival in versions)):
        ratios = [mine / theirs for mine, theirs in zip(rates["ours"], rates[other], strict=True)]
        result[f"ours_vs_{name}"] = round(median(ratios), 3)
    if args.gpu:
        result["gpu_busy"] = {name: gpu_busy(run, task) for name, run in CONTENDERS.items()}
        result["gpu"] = torch.cuda.get_device_name()
    return result | {
        "unit": f"windows per {'wall' if args.gpu else 'CPU'}-second",
        "windows": len(task.origins),
        "horizon": HORIZON,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "precision": "bfloat16" if isinstance(task.precision, torch.autocast) else "float32",
        "versions": versions,
        "load": round(os.getloadavg()[0], 1),
    }


def read_values(args: argparse.Namespace) -> np.ndarray:
    """Return standardised log returns of bars (S, R, F), the close's first."""
    # More than asked for, since some synthetic shares start late, and days without trade go.
    source = SourceConfig(
        kind="synthetic-market", n_series=2 * args.series, n_steps=args.rows + 100, anomalies=False
    )
    if args.data:
        source = SourceConfig(kind="files", path=str(args.data), series_column=args.series_column)
    dataset = DatasetConfig(name="bench", source=source, calendar="fixed", step_minutes=1440)
    bars = make_source(dataset, Settings())
    rows = bars.fetch_rows(dict.fromkeys(bars.list_series()), end=None).rows
    rows = rows[(rows[COLUMNS] > 0).all(axis=1)]
    rows = rows[rows.groupby("series_id")["close"].transform("size") > args.rows]
    long = rows.groupby("series_id").tail(args.rows + 1).head(args.series * (args.rows + 1))
    if long.empty:
        raise SystemExit(f"no series of {args.rows + 1} bars with trade: lower --rows")
    logs = np.log(long[COLUMNS].to_numpy(dtype=float).reshape(-1, args.rows + 1, len(COLUMNS)))
    returns = np.diff(logs, axis=1)
    return (returns - returns.mean(axis=1, keepdims=True)) / returns.std(axis=1, keepdims=True)


def make_task(values: np.ndarray, device: torch.device) -> Task:
    n_series, n_rows, n_features = values.shape
    known = np.ones(n_series * n_rows, dtype=bool)
    offsets = np.arange(n_series + 1) * n_rows
    origins = make_origins(
        count_known(known, offsets=offsets),
        offsets=offsets,
        lookback=LOOKBACK,
        targets_known=known,
        horizon=HORIZON,
    )
    data = ForecastData.make(
        values.reshape(-1, n_features),
        lookback=LOOKBACK,
        horizon=HORIZON,
        sampling_rate=1,
        device=device,
        targets=values[..., 0].ravel(),
    )
    return Task(data, origins)


def take_turns(task: Task, epochs: int) -> dict[str, float]:
    """Return the seconds that each contender takes for so many epochs, one at a time."""
    seconds = dict.fromkeys(CONTENDERS, 0.0)
    for _ in range(epochs):
        for name, run in CONTENDERS.items():
            seconds[name] += run(task)
    return seconds


def train_ours(task: Task) -> float:
    """Return the seconds of a whole training of one epoch."""
    config = TrainingConfig(max_epochs=1, batch_size=BATCH, learning_rate=LEARNING_RATE)
    with TemporaryDirectory() as folder, seeded(0):
        network = last_step()
        began = task.now()
        train(
            network,
            task.data,
            train_origins=task.origins,
            validation_origins=task.origins[:BATCH],
            config=config,
            loss_of=LOSS,
            checkpoint=Path(folder, "run.safetensors"),
        )
        return task.now() - began


def train_bare(task: Task) -> float:
    """Return the seconds of gather, forward, backward and step."""
    network, optimizer = make_network(task)
    origins = torch.as_tensor(task.origins, device=task.device)
    began = task.now()
    for batch in origins[torch.randperm(len(origins), device=task.device)].split(BATCH):
        inputs, targets = task.data.batch(batch)
        with task.precision:
            predicted = network(inputs)
        loss = LOSS(predicted.float(), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return task.now() - began


def train_dataloader(task: Task) -> float:
    """Return the seconds of the same with a DataLoader over windows built before."""
    network, optimizer = make_network(task)
    inputs, targets = task.data.batch(torch.as_tensor(task.origins, device=task.device))
    windows = TensorDataset(inputs.past.cpu(), targets.cpu())
    loader = DataLoader(windows, batch_size=BATCH, shuffle=True)
    began = task.now()
    for past, truth in loader:
        with task.precision:
            predicted = network(Inputs(past.to(task.device)))
        loss = LOSS(predicted.float(), truth.to(task.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return task.now() - began


def last_step() -> Network:
    """Return the network of all three, as a job's config makes it."""
    config = ForecasterConfig(lookback=LOOKBACK, horizon=HORIZON, hidden=HIDDEN)
    return make_forecast_network(config, n_inputs=len(COLUMNS), n_future=0, n_series=0)


def make_network(task: Task) -> tuple[Network, torch.optim.Optimizer]:
    """Return the network and the optimizer that ours has too."""
    with seeded(0):
        network = last_step().to(task.device)
    return network, torch.optim.AdamW(
        network.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True
    )


def gpu_busy(run: Callable[[Task], float], task: Task) -> float:
    """Return the share of an epoch's wall time in which kernels run."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        seconds = run(task)
    computing = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6
    return round(computing / seconds, 3)


def ask_rivals(python: str, *arguments: str) -> dict:
    """Run `training_rivals` by an interpreter and return what it prints last."""
    done = subprocess.run(
        [python, "-m", "benchmarks.training_rivals", *arguments],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


CONTENDERS: dict[str, Callable[[Task], float]] = {
    "ours": train_ours,
    "bare_loop": train_bare,
    "dataloader": train_dataloader,
}


if __name__ == "__main__":
    main()
