"""What the lake costs: first write, a night's merge, a repeated one, one series read.

    python -m benchmarks.lake --path FOLDER [--series 2700] [--days 2500]

Builds a random-walk table of daily bars in FOLDER (empty or new) and prints one JSON object last.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines_lib.config import BAR_COLUMNS
from pipelines_lib.lake import Lake
from pipelines_lib.tables import observations_table

TABLE = observations_table(BAR_COLUMNS)
DATASET = "bench"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--path", type=Path, required=True, help="folder for the lake")
    options.add_argument("--series", type=int, default=2700)
    options.add_argument("--days", type=int, default=2500)
    args = options.parse_args()
    lake = Lake(str(args.path))
    history, night = make_bars(args.series, args.days)
    one = f"S{args.series // 2:06d}"
    seconds: dict[str, float] = {}
    timed(seconds, "first_write", lambda: lake.merge_rows(DATASET, TABLE, history))
    timed(seconds, "night_merge", lambda: lake.merge_rows(DATASET, TABLE, night))
    repeated = timed(seconds, "repeated_merge", lambda: lake.merge_rows(DATASET, TABLE, night))
    read = timed(seconds, "read_one", lambda: lake.read_rows(DATASET, TABLE, series_ids=[one]))
    closes = timed(
        seconds,
        "read_all_closes",
        lambda: lake.read_rows(DATASET, TABLE, columns=["series_id", "time", "close"]),
    )
    assert repeated.written == 0
    assert len(read) == args.days + 1
    assert len(closes) == len(history) + len(night)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result = {"rows": len(closes), "seconds": seconds, "peak_gib": round(peak, 2)}
    print(json.dumps(result))


def make_bars(n_series: int, n_days: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the history of every series, and one more night of them all."""
    rng = np.random.default_rng(0)
    days = pd.bdate_range("2016-01-04", periods=n_days + 1, tz="UTC").astype("datetime64[us, UTC]")
    close = 10_000 * np.exp(np.cumsum(rng.normal(0, 0.02, (n_series, n_days + 1)), axis=1))
    names = [f"S{number:06d}" for number in range(n_series)]
    frame = pd.DataFrame(
        {
            "series_id": np.repeat(names, n_days + 1),
            "time": np.tile(days, n_series),
            **{name: close.ravel() for name in ("open", "high", "low", "close")},
            "volume": rng.integers(1, 1_000_000, close.size).astype("float64"),
            "repair": pd.Series([None] * close.size, dtype="str"),
            "ingest_id": "bench",
        }
    )
    newest = frame["time"] == days[-1]
    return frame[~newest], frame[newest]


def timed(seconds: dict[str, float], name: str, call: Callable[[], Any]) -> Any:
    """Call, and note the wall seconds under a name."""
    began = time.perf_counter()
    result = call()
    seconds[name] = round(time.perf_counter() - began, 3)
    return result


if __name__ == "__main__":
    main()
