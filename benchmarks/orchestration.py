"""What Prefect and MLflow cost: a night as a flow against the same library calls without them.

    python -m benchmarks.orchestration --data FILE [--series N] [--repeats N]
    python -m benchmarks.orchestration --synthetic

Each night is a process of its own, timed from its start to its end, imports among it: `tidewatch
run JOB` against a Prefect server that runs on this machine and MLflow's SQLite, and
`benchmarks.plain_night JOB`. A first night starts from an empty lake, a repeated one finds all
done; the databases of Prefect and MLflow are there already. Before anything is timed, both have run
once on two small series, so that files and compiled modules are warm for either. `overhead` is the
ratio of wall seconds of a first night, `overhead_cpu` that of the processes' CPU seconds: beside
other work the steadier one. `server_cpu_s` is what Prefect's server took meanwhile; it also takes
some when nothing runs. The last line is a JSON object.
"""

import argparse
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import requests

from benchmarks.import_times import measure_imports
from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.tables import FORECASTS, SCORES, observations_table

SMALL = (
    "n_series=2",
    "n_steps=420",
    "forecaster.training.max_epochs=1",
    "detector.training.max_epochs=1",
)
"""Of the job demo, which every comparison is warmed up with."""
PLAIN = (
    "from pipelines_lib.collector import relax_collector; relax_collector(); "
    "from benchmarks.plain_night import main; main()"
)
"""The collector is set before anything is imported, as `tidewatch run` does."""
PACKAGES = ("prefect", "mlflow", "torch", "deltalake")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, help="KOSPI's Parquet file, for the job krx-kospi")
    options.add_argument("--synthetic", action="store_true", help="the job demo instead, no file")
    options.add_argument("--series", type=int, default=0, help="this many alone; 0: all")
    options.add_argument("--repeats", type=int, default=1, help="first nights of each, in turn")
    args = options.parse_args()
    job, overrides, n_series = choose_night(args.data, args.series, synthetic=args.synthetic)
    with tempfile.TemporaryDirectory() as folder, prefect_server(Path(folder)) as server:
        print(json.dumps(compare(job, overrides, n_series, Path(folder), server, args.repeats)))


def choose_night(data: Path | None, series: int, *, synthetic: bool) -> tuple[str, list[str], int]:
    """Return the job, what is set of it, and how many series it has."""
    if synthetic:
        n_series = series or 2
        return "demo", [*SMALL[1:], f"n_series={n_series}"], n_series
    if data is None:
        raise SystemExit("name the file by --data, or give --synthetic")
    known = sorted(set(pq.read_table(data, columns=["Code"])["Code"].to_pylist()))
    chosen = known[:series] if series else known
    some = [f"series_ids={','.join(chosen)}"] if series else []
    return "krx-kospi", [f"source.path={data.resolve()}", *some], len(chosen)


def compare(
    job: str, overrides: list[str], n_series: int, folder: Path, server: "Server", repeats: int
) -> dict[str, object]:
    """Run the nights in turn and return what they cost."""
    ways: dict[str, Callable[[str, list[str], Path], dict[str, float]]] = {
        "plain": run_plain,
        "flow": lambda job, changed, home: run_flow(job, changed, home, server),
    }
    for way, run in ways.items():
        run("demo", list(SMALL), folder / f"warm-{way}")
    began_load = os.getloadavg()[0]
    first: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    again: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    same = []
    for number in range(repeats):
        homes = {way: folder / f"{way}-{number}" for way in ways}
        prepare_mlflow(homes["flow"])
        turn = list(ways.items())[:: 1 if number % 2 == 0 else -1]
        for told in (first, again):
            for way, run in turn:
                told[way].append(run(job, overrides, homes[way]))
                print(f"{way}: {told[way][-1]}", file=sys.stderr, flush=True)
        same.append(have_same_rows(DatasetConfig(name=job), homes["plain"], homes["flow"]))
    return {
        "job": job,
        "series": n_series,
        "overhead": ratio(first, "wall_s"),
        "overhead_cpu": ratio(first, "cpu_s"),
        "overhead_cpu_repeated": ratio(again, "cpu_s"),
        "overhead_repeated": ratio(again, "wall_s"),
        "task_runs": max(night["task_runs"] for night in first["flow"]),
        "task_runs_repeated": max(night["task_runs"] for night in again["flow"]),
        "first": {way: middle(nights) for way, nights in first.items()},
        "repeated": {way: middle(nights) for way, nights in again.items()},
        "same_rows": all(same),
        "repeats": repeats,
        **measure_imports(),
        "load_before": round(began_load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "unset"),
        "versions": {name: version(name) for name in PACKAGES},
    }


def prepare_mlflow(home: Path) -> None:
    """Create MLflow's database in an empty home, once and for all, as Prefect's server has one."""
    code = "from pipelines_lib.tracking import Tracker; from pipelines_lib.settings import Settings"
    environment = os.environ | {"TIDEWATCH_HOME": str(home), "MLFLOW_LOGGING_LEVEL": "ERROR"}
    subprocess.run(
        [sys.executable, "-c", f"{code}; Tracker(Settings())"],
        env=environment,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def ratio(nights: dict[str, list[dict[str, float]]], what: str) -> float:
    return round(middle(nights["flow"])[what] / middle(nights["plain"])[what], 3)


def middle(nights: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of every figure."""
    return {key: round(statistics.median(n[key] for n in nights), 2) for key in nights[0]}


def run_plain(job: str, overrides: list[str], home: Path) -> dict[str, float]:
    return run_process(["-c", PLAIN, job], overrides, {"TIDEWATCH_HOME": home})


def run_flow(job: str, overrides: list[str], home: Path, server: "Server") -> dict[str, float]:
    before = server.cpu_s()
    where = {"TIDEWATCH_HOME": home, "PREFECT_API_URL": server.api}
    told = run_process(["-m", "deployments.cli", "run", job], overrides, where)
    served = server.cpu_s() - before
    return told | {"server_cpu_s": served, "task_runs": server.count_task_runs()}


def run_process(
    command: list[str], overrides: list[str], environment: dict[str, object]
) -> dict[str, float]:
    """Run a night and return its wall and CPU seconds, and those of its stages."""
    told = [part for change in overrides for part in ("--set", change)]
    settings = {name: str(value) for name, value in environment.items()} | {"COLUMNS": "400"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(
        [sys.executable, *command, *told],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": wall, "cpu_s": cpu} | {
        f"{stage} s": seconds for stage, seconds in stage_seconds(ended.stdout).items()
    }


def stage_seconds(text: str) -> dict[str, float]:
    """Return the seconds of each stage, from a summary's line or a plain night's JSON."""
    last = text.strip().splitlines()[-1]
    if last.startswith("{"):
        return {name: float(value) for name, value in json.loads(last).items()}
    told = re.search(r"^Seconds +(.+)$", text, flags=re.MULTILINE)
    pairs = re.findall(r"([a-z][a-z ]*?) ([\d.]+)", told[1]) if told else []
    return {name: float(value) for name, value in pairs}


def have_same_rows(dataset: DatasetConfig, plain: Path, flow: Path) -> bool:
    """Return whether both nights stored the same observations, forecasts and scores."""
    lakes = [Lake(str(home / "lake")) for home in (plain, flow)]
    for table, columns in (
        (observations_table(dataset.columns), ["close"]),
        (FORECASTS, ["value", "lower", "upper"]),
        (SCORES, ["score", "threshold"]),
    ):
        one, other = (
            lake.read_rows(
                dataset.name, table, columns=["series_id", "time", *columns]
            ).sort_values(["series_id", "time"], ignore_index=True)
            for lake in lakes
        )
        if len(one) == 0 or not one.equals(other):
            return False
    return True


class Server:
    """A running Prefect server."""

    def __init__(self, pid: int, api: str) -> None:
        self.process, self.api = psutil.Process(pid), api

    def cpu_s(self) -> float:
        """Return the CPU seconds that it and its children have taken so far."""
        tree = [self.process, *self.process.children(recursive=True)]
        times = [process.cpu_times() for process in tree]
        return sum(each.user + each.system for each in times)

    def count_task_runs(self) -> float:
        """Return the task runs of the newest flow run, once its server has recorded them all."""
        query = {"sort": "START_TIME_DESC", "limit": 1}
        run = requests.post(f"{self.api}/flow_runs/filter", json=query, timeout=60).json()[0]
        mine = {"flow_runs": {"id": {"any_": [run["id"]]}}}
        counted, settled = -1, 0
        while settled < 3:  # they are recorded a little later than they end
            time.sleep(1)
            found = requests.post(f"{self.api}/task_runs/count", json=mine, timeout=60).json()
            settled = settled + 1 if found == counted else 0
            counted = found
        return float(counted)


@contextmanager
def prefect_server(folder: Path) -> Iterator[Server]:
    """Start a Prefect server of its own on a free port; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "page", "prefect", "--port", str(port)],
            env=environment | {"TIDEWATCH_HOME": str(folder / "server")},
            stdout=log,
            stderr=log,
        )
    api = f"http://127.0.0.1:{port}/api"
    try:
        for _ in range(240):
            time.sleep(0.5)
            try:
                if requests.get(f"{api}/health", timeout=2).ok:
                    break
            except requests.RequestException:
                continue
        else:
            raise SystemExit(f"no Prefect server came up on port {port}: see {folder}")
        yield Server(process.pid, api)
    except BaseException:
        print((folder / "server.log").read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        tree = [process, *psutil.Process(process.pid).children(recursive=True)]
        for each in reversed(tree):
            each.terminate()
        psutil.wait_procs(tree[1:], timeout=30)
        process.wait(timeout=30)


if __name__ == "__main__":
    main()
