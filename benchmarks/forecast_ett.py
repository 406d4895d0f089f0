"""Long-horizon error on a file of the ETT form, by the usual protocol.

    python -m benchmarks.forecast_ett --csv FILE --horizon 96 [--seed 0] [--budget fast|full]

Every channel is a series. 12 months of 30 days train, 4 validate, 4 test; channels are z-scored on
the training rows; `mse` and `mae` are over every test window of every channel, none dropped, in
z-scores. Training and forecasting go the same way as in a job. Prints one JSON object last.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipelines_lib.config import DatasetConfig, ForecasterConfig, TrainingConfig
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import Panel, make_panel
from pipelines_lib.series.splits import Span, Split
from pipelines_lib.series.windows import horizon_rows

MONTH_DAYS, TRAIN, VALIDATION, TEST = 30, 12, 4, 4


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--csv", type=Path, required=True)
    options.add_argument("--horizon", type=int, default=96)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--budget", choices=("fast", "full"), default="full")
    args = options.parse_args()
    panel, dataset = read_channels(args.csv)
    config = make_config(args.horizon, seed=args.seed, budget=args.budget)
    began, cpu = time.perf_counter(), time.process_time()
    fitted = fit_forecaster(
        panel,
        dataset=dataset,
        config=config,
        device=torch.device("cpu"),
        split=usual_split(panel, dataset),
        on_epoch=lambda epoch: print(
            f"epoch {epoch.epoch}: train {epoch.train_loss:.4f}, "
            f"validation {epoch.validation_loss:.4f}, {epoch.seconds:.0f} s",
            flush=True,
        ),
    )
    forecaster, origins = fitted.forecaster, fitted.test_origins
    prepared = forecaster.prepare(panel)
    _, value, _ = forecaster.forecast_scaled(prepared, origins)
    actual = prepared.targets[origins[:, None] + horizon_rows(config.horizon)]
    print(
        json.dumps(
            {
                "benchmark": "forecast_ett",
                "file": args.csv.name,
                "horizon": args.horizon,
                "seed": args.seed,
                "budget": args.budget,
                "mse": round(float(((value - actual) ** 2).mean()), 5),
                "mae": round(float(np.abs(value - actual).mean()), 5),
                "test_windows": len(origins) // len(panel.series_ids),
                "channels": len(panel.series_ids),
                "wall_s": round(time.perf_counter() - began, 1),
                "cpu_s": round(time.process_time() - cpu, 1),
                "threads": torch.get_num_threads(),
                "config": config.model_dump(mode="json", exclude_defaults=True),
            }
        )
    )


def make_config(horizon: int, *, seed: int, budget: str) -> ForecasterConfig:
    """Return the one recipe for all horizons; `fast` has one member and fewer epochs."""
    fast = budget == "fast"
    return ForecasterConfig(
        model="segment",
        cell="gru",
        lookback=720,
        horizon=horizon,
        hidden=128 if fast else 256,
        segment_steps=48,
        segment_skip=True,
        mirror=True,
        dropout=0.5,
        members=1 if fast else 3,
        target_kind="level",
        features=[],
        training=TrainingConfig(
            max_epochs=5,
            batch_size=896,  # 128 origins of 7 channels
            learning_rate=2e-3 if fast else 1e-3,
            loss="mae",
            schedule="cosine",
            warmup_steps=50,
            weight_averaging=0.98,
            windows_per_epoch=60_000 if fast else 120_000,  # so that finer steps cost no more
            keep="last",
            seed=seed,
        ),
    )


def read_channels(path: Path) -> tuple[Panel, DatasetConfig]:
    """Read a file `date, channel, channel, ...` as one series a channel."""
    wide = pd.read_csv(path, parse_dates=["date"])
    minutes = wide["date"].to_numpy(dtype="datetime64[m]").astype("int64")
    step = int(np.median(np.diff(minutes)))
    offset = int(minutes[0]) % step
    dataset = DatasetConfig(
        name="ett",
        kind="values",
        value_columns=["value"],
        target="value",
        unit="",
        calendar="fixed",
        step_minutes=step,
        offset_minutes=offset,
    )
    long = wide.melt(id_vars="date", var_name="series_id", value_name="value")
    long = long.rename(columns={"date": "time"})
    long["time"] = long["time"].dt.tz_localize("UTC").astype("datetime64[us, UTC]")
    return make_panel(long, calendar=make_calendar(dataset), columns=("value",)), dataset


def usual_split(panel: Panel, dataset: DatasetConfig) -> Split:
    """Return 12, 4 and 4 months; the intervals are calibrated on the validation rows."""
    month = MONTH_DAYS * 24 * 60 // dataset.step_minutes
    first = int(panel.position.min())
    validated, tested = first + TRAIN * month, first + (TRAIN + VALIDATION) * month
    validation = Span(validated, tested - 1)
    return Split(
        Span(first, validated - 1), validation, validation, Span(tested, tested + TEST * month - 1)
    )


if __name__ == "__main__":
    main()
