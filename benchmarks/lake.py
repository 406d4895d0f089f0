"""What the lake costs beside the bare library: writes, merges and reads of daily bars.

    python -m benchmarks.lake [--path FOLDER] [--series 2700] [--days 2500]

Builds random walks on Korean sessions in FOLDER (empty or new; without it, a temporary one that
goes afterwards) and prints one JSON object last. The bare calls are those of delta-rs on the same
Arrow table, in the same run; times are medians of three, with ours and theirs in turn, since other
work may share the machine.
"""

import argparse
import json
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from pipelines_lib.config import BAR_COLUMNS, DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.lake.arrow import to_arrow, to_pandas
from pipelines_lib.series.calendar import Calendar, make_calendar
from pipelines_lib.series.quality import check_rows
from pipelines_lib.tables import observations_table

TABLE = observations_table(BAR_COLUMNS)
DATASET = "bench"
ROUNDS = 3
SERIES_PER_BATCH = 500


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--path", type=Path, help="folder for the lake")
    options.add_argument("--series", type=int, default=2700)
    options.add_argument("--days", type=int, default=2500)
    args = options.parse_args()
    with TemporaryDirectory() as temporary:
        result = measure(args.path or Path(temporary), args)
    print(json.dumps(result))


def measure(path: Path, args: argparse.Namespace) -> dict[str, Any]:
    dataset = DatasetConfig(name=DATASET)
    calendar = make_calendar(dataset)
    history, nights = make_bars(args.series, args.days, calendar)
    seconds: dict[str, list[float]] = {}
    lake, bare = measure_writes(seconds, path, history)
    measure_merges(seconds, lake, bare, nights)
    measure_reads(seconds, lake, bare, f"S{args.series // 2:06d}", len(history), args)
    took = {name: round(median(times), 4) for name, times in seconds.items()}
    took["check_rows"] = measure_check(history, args, dataset, calendar)
    return {
        "rows": len(history),
        "seconds": took,
        "write_ratio": round(took["first_write"] / took["bare_write"], 2),
        "merge_ratio": round(took["night_merge"] / took["bare_merge"], 2),
        "read_ratio": round(
            max(took[name] / took[f"bare_{name}"] for name in ("read_one", "read_all_closes")), 2
        ),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def make_bars(n_series: int, n_days: int, calendar: Calendar) -> tuple[pa.Table, list[pa.Table]]:
    """Return the history of every series, and some more nights of them all."""
    rng = np.random.default_rng(0)
    total = n_days + ROUNDS
    sessions = calendar.sessions
    assert sessions is not None  # the calendar is an exchange's
    days = sessions[sessions < np.datetime64("2026-01-01")][-total:]
    closes = 10_000 * np.exp(np.cumsum(rng.normal(0, 0.02, (n_series, total)), axis=1))
    closes = np.round(closes)

    def rows(first: int, last: int) -> pa.Table:
        close = closes[:, first:last].ravel()
        names = pa.array([f"S{number:06d}" for number in range(n_series)])
        rise = np.round(close * rng.uniform(0, 0.01, close.size))
        bars = {
            "series_id": names.take(pa.array(np.repeat(np.arange(n_series), last - first))),
            "time": pa.array(np.tile(days[first:last], n_series)),
            "open": close,
            "high": close + rise,
            "low": close - rise,
            "close": close,
            "volume": rng.integers(1, 1_000_000, close.size).astype("float64"),
            "repair": pa.nulls(close.size, pa.string()),
            "ingest_id": pa.array(["bench"]).take(pa.array(np.zeros(close.size, dtype="int32"))),
        }
        return to_arrow(pa.table(bars), TABLE)

    return rows(0, n_days), [rows(n_days + night, n_days + night + 1) for night in range(ROUNDS)]


def measure_writes(
    seconds: dict[str, list[float]], path: Path, history: pa.Table
) -> tuple[Lake, str]:
    """Write the history `ROUNDS` times with and without the lake's checks; the last ones stay."""
    ours, theirs = path / "ours", path / "bare"
    lake = Lake(str(ours))
    for _ in range(ROUNDS):
        for folder in (ours, theirs):
            shutil.rmtree(folder, ignore_errors=True)
        timed(seconds, "bare_write", write_deltalake, str(theirs), history, partition_by=["year"])
        timed(seconds, "first_write", lake.merge_rows, DATASET, TABLE, history)
    return lake, str(theirs)


def measure_merges(
    seconds: dict[str, list[float]], lake: Lake, bare: str, nights: list[pa.Table]
) -> None:
    """Merge each night once more than needed."""
    for night in nights:
        timed(seconds, "bare_merge", merge_bare, bare, night)
        done = timed(seconds, "night_merge", lake.merge_rows, DATASET, TABLE, night)
        assert done.inserted == len(night)
        again = timed(seconds, "repeated_merge", lake.merge_rows, DATASET, TABLE, night)
        assert again.written == 0


def merge_bare(location: str, rows: pa.Table) -> None:
    """Merge by key as the library's manual shows it."""
    same_row = " AND ".join(f"s.{name} = t.{name}" for name in TABLE.key)
    (
        DeltaTable(location)
        .merge(rows, predicate=same_row, source_alias="s", target_alias="t")
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )


def measure_reads(
    seconds: dict[str, list[float]],
    lake: Lake,
    bare: str,
    series: str,
    n_history: int,
    args: argparse.Namespace,
) -> None:
    """Read one series, and the closes of all, from our table and from the bare one."""
    columns = ", ".join(TABLE.schema.names)
    one = f"SELECT {columns} FROM rows WHERE series_id = '{series}'"
    closes = "SELECT series_id, time, close FROM rows"
    names = ["series_id", "time", "close"]
    for _ in range(ROUNDS):
        timed(seconds, "bare_read_one", query_bare, bare, one)
        read = timed(seconds, "read_one", lake.read_table, DATASET, TABLE, series_ids=[series])
        assert len(read) == args.days + ROUNDS
        timed(seconds, "bare_read_all_closes", query_bare, bare, closes)
        read = timed(seconds, "read_all_closes", lake.read_table, DATASET, TABLE, columns=names)
        assert len(read) == n_history + ROUNDS * args.series


def query_bare(location: str, query: str) -> pa.Table:
    """Run a query as the library's manual shows it."""
    rows = QueryBuilder().register("rows", DeltaTable(location))
    return pa.table(rows.execute(query).read_all())


def measure_check(
    history: pa.Table, args: argparse.Namespace, dataset: DatasetConfig, calendar: Calendar
) -> float:
    """Return the seconds that the quality rules take for all rows, in batches as in an ingest."""
    took = 0.0
    per_batch = SERIES_PER_BATCH * args.days
    for begin in range(0, len(history), per_batch):
        rows: pd.DataFrame = to_pandas(history.slice(begin, per_batch))
        began = time.perf_counter()
        check_rows(rows, dataset=dataset, calendar=calendar)
        took += time.perf_counter() - began
    return round(took, 2)


def timed(
    seconds: dict[str, list[float]], name: str, call: Callable[..., Any], *args: Any, **named: Any
) -> Any:
    """Call, and note the wall seconds under a name."""
    began = time.perf_counter()
    result = call(*args, **named)
    seconds.setdefault(name, []).append(time.perf_counter() - began)
    return result


if __name__ == "__main__":
    main()
