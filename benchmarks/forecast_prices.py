"""What a forecaster is worth on daily prices of a whole market, beside the last value.

    python -m benchmarks.forecast_prices --path FILE_OR_FOLDER [--seed 0] [--set name=value ...]

The rows are ingested and judged like any job's. Train until June 2024; early stopping until
September, intervals until December; test from 2025 on. Ratios below 1 are better than repeating the
last value; `rank_correlation` is Spearman's, across the series of a day, of the forecast and the
realised change. The p-values are of paired tests over days: against the naive forecasts, and of the
direction against always naming the commoner one. Prints one JSON object last.
"""

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from pipelines_lib.config import DatasetConfig, ForecasterConfig, SourceConfig, TrainingConfig
from pipelines_lib.config.overrides import apply_overrides
from pipelines_lib.forecasting.direction import direction_test
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.forecasting.metrics import MODEL
from pipelines_lib.forecasting.significance import paired_test
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.lake import Lake
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.read import read_panel
from pipelines_lib.series.splits import Span, Split
from pipelines_lib.sources.files import FilesSource

ENDS = {"train": "2024-06-30", "validation": "2024-09-30", "calibration": "2024-12-31"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--path", type=Path, required=True)
    options.add_argument("--series-column", default="Code")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = options.parse_args()
    panel, dataset = read_prices(args.path, args.series_column)
    base = ForecasterConfig(
        horizon=1,
        hidden=64,
        dropout=0.2,
        interval_method="local",
        training=TrainingConfig(
            max_epochs=4,
            batch_size=512,
            learning_rate=5e-4,
            loss="huber",
            schedule="cosine",
            weight_averaging=0.99,
            seed=args.seed,
        ),
    )
    config = apply_overrides(base, args.set, said="--set")
    began = time.process_time()
    fitted = fit_forecaster(
        panel,
        dataset=dataset,
        config=config,
        device=torch.device("cpu"),
        split=split_by_date(panel),
    )
    judged, losses = fitted.evaluation.judged, fitted.evaluation.losses
    tests = {
        f"dm_p_vs_{name}": paired_test(
            losses[MODEL], losses[name], position=judged.position, reach=judged.reach
        ).p
        for name in losses
        if name != MODEL
    }
    direction = direction_test(judged)
    print(
        json.dumps(
            {
                "benchmark": "forecast_prices",
                "series": len(fitted.forecaster.series_ids),
                "seed": args.seed,
                "set": args.set,
                "best_epoch": fitted.training.best_epoch,
                "cpu_s": round(time.process_time() - began, 1),
                **{name: round(value, 5) for name, value in fitted.evaluation.metrics.items()},
                **tests,
                "direction_p_vs_majority": direction.p if direction else None,
            }
        )
    )


def read_prices(path: Path, series_column: str) -> tuple[Panel, DatasetConfig]:
    """Ingest prices into a lake of their own and read them back."""
    dataset = DatasetConfig(
        name="prices",
        source=SourceConfig(kind="files", path=str(path), series_column=series_column),
    )
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        ingest_dataset(
            lake, dataset, FilesSource(dataset), ingest_id="benchmark", at=datetime.now(UTC)
        )
        return read_panel(lake, dataset)[0], dataset


def split_by_date(panel: Panel) -> Split:
    """Return the parts that end on these dates; the rest, from 2025 on, is the test."""
    sessions = panel.calendar.sessions
    assert sessions is not None
    last = {
        name: int(np.searchsorted(sessions, np.datetime64(day, "us"), side="right")) - 1
        for name, day in ENDS.items()
    }
    return Split(
        Span(int(panel.position.min()), last["train"]),
        Span(last["train"] + 1, last["validation"]),
        Span(last["validation"] + 1, last["calibration"]),
        Span(last["calibration"] + 1, panel.last_position),
    )


if __name__ == "__main__":
    main()
