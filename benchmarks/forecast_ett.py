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
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.forecasting.origins import find_origins
from pipelines_lib.forecasting.prepare import Prepared
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import Panel, make_panel
from pipelines_lib.series.splits import Span, Split
from pipelines_lib.series.windows import horizon_rows

WINDOWS_AT_ONCE = 4096
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
    train, validation, test = usual_parts(panel, dataset)
    fitted = fit_forecaster(
        panel,
        dataset=dataset,
        config=config,
        device=torch.device("cpu"),
        # Interval and report of the fit itself are not asked for: the shortest parts that it takes.
        split=Split(
            train, validation, newest(validation, 2 * args.horizon), newest(test, args.horizon)
        ),
        on_epoch=lambda epoch: print(
            f"epoch {epoch.epoch}: train {epoch.train_loss:.4f}, "
            f"validation {epoch.validation_loss:.4f}, {epoch.seconds:.0f} s",
            flush=True,
        ),
    )
    prepared = fitted.forecaster.prepare(panel)
    origins = find_origins(fitted.forecaster, prepared, span=test)
    mse, mae = judge(fitted.forecaster, prepared, origins)
    print(
        json.dumps(
            {
                "benchmark": "forecast_ett",
                "file": args.csv.name,
                "horizon": args.horizon,
                "seed": args.seed,
                "budget": args.budget,
                "mse": round(mse, 5),
                "mae": round(mae, 5),
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


def usual_parts(panel: Panel, dataset: DatasetConfig) -> tuple[Span, Span, Span]:
    """Return 12, 4 and 4 months of positions to train, validate and test."""
    month = MONTH_DAYS * 24 * 60 // dataset.step_minutes
    first = int(panel.position.min())
    validated, tested = first + TRAIN * month, first + (TRAIN + VALIDATION) * month
    end = tested + TEST * month
    return Span(first, validated - 1), Span(validated, tested - 1), Span(tested, end - 1)


def newest(span: Span, steps: int) -> Span:
    """Return the newest steps of a span."""
    return Span(max(span.first, span.last - steps + 1), span.last)


def judge(forecaster: Forecaster, prepared: Prepared, origins: np.ndarray) -> tuple[float, float]:
    """Return mean squared and absolute error in z-scores over all windows and steps."""
    ahead = horizon_rows(forecaster.config.horizon)
    squared = absolute = 0.0
    for begin in range(0, len(origins), WINDOWS_AT_ONCE):
        some = origins[begin : begin + WINDOWS_AT_ONCE]
        _, value, _ = forecaster.forecast_scaled(prepared, some)
        error = value - prepared.targets[some[:, None] + ahead]
        squared += float((error**2).sum())
        absolute += float(np.abs(error).sum())
    count = len(origins) * len(ahead)
    return squared / count, absolute / count


if __name__ == "__main__":
    main()
