"""A small search on two noisy sines. As a module, it stops in a trial and waits to be killed.

    python -m tests.pipelines_lib.forecasting.searching FOLDER TRIAL

prints `trial N` when trial N has had its first epoch, and hangs in TRIAL.
"""

import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipelines_lib.config import (
    DatasetConfig,
    ForecasterConfig,
    SearchConfig,
    SplitConfig,
    TrainingConfig,
)
from pipelines_lib.config.space import parse_space
from pipelines_lib.forecasting.search import run_trial, trials_to_run
from pipelines_lib.forecasting.selection import make_selection
from pipelines_lib.forecasting.study import open_study
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import make_panel

CPU = torch.device("cpu")
STEPS = 300
DATASET = DatasetConfig(
    name="sensors", kind="values", value_columns=["value"], target="value", calendar="fixed",
    step_minutes=60,
)  # fmt: skip
BASE = ForecasterConfig(
    lookback=12,
    horizon=3,
    hidden=4,
    features=[],
    split=SplitConfig(validation_steps=20, calibration_steps=20, test_steps=20),
    training=TrainingConfig(max_epochs=2, batch_size=128, learning_rate=0.02),
)
SPACE = ["hidden=2..8 log", "training.learning_rate=1e-3..1e-1 log", "lookback=6|12"]


def search_config(**fields):
    defaults = {"space": SPACE, "n_trials": 4, "n_startup_trials": 2, "pruner": "none"}
    return SearchConfig(**{**defaults, **fields})


def make_sines(n=STEPS):
    """Return a panel of two noisy sines of n hourly steps."""
    times = pd.date_range("2024-01-01", periods=n, freq="h", tz="UTC", unit="us")
    frames = []
    for number, name in enumerate("AB"):
        rng = np.random.default_rng(number)
        wave = 10 + np.sin(2 * np.pi * np.arange(STEPS) / 24) + 0.1 * rng.normal(size=STEPS)
        frames.append(pd.DataFrame({"series_id": name, "time": times, "value": wave[:n]}))
    rows = pd.concat(frames, ignore_index=True)
    return make_panel(rows, calendar=make_calendar(DATASET), columns=("value",))


def select(search, panel=None, base=BASE, **fields):
    return make_selection(
        make_sines() if panel is None else panel,
        dataset=DATASET,
        base=base,
        dimensions=parse_space(search.space, base),
        device=CPU,
        **fields,
    )


@contextmanager
def opened(folder, search, base=BASE, *, name="sensors"):
    """Open a study of the sines, the base its first trial."""
    dimensions = parse_space(search.space, base)
    pruned = search.pruner == "median"
    with open_study(folder, name, search=search, dimensions=dimensions, pruned=pruned) as study:
        study.begin_with(base)
        yield study


def run_all(study, selection, base=BASE, on_epoch=lambda trial, report: None):
    """Run the trials that a study lacks; return how they ended."""
    torch.set_num_threads(1)
    return [
        run_trial(
            study,
            trial,
            base=base,
            selection=selection,
            dataset=DATASET,
            device=CPU,
            on_epoch=lambda report, trial=trial: on_epoch(trial, report),
        )
        for trial in trials_to_run(study)
    ]


if __name__ == "__main__":

    def wait_to_be_killed(trial, report):
        if report.epoch == 1:
            print(f"trial {trial.number}", flush=True)
        if trial.number == int(sys.argv[2]):
            time.sleep(120)

    wished = search_config()
    with opened(Path(sys.argv[1]), wished) as begun:
        run_all(begun, select(wished), on_epoch=wait_to_be_killed)
