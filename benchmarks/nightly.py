"""A whole first night and its repetition: seconds by stage, rows, skill, events, peak memory.

    python -m benchmarks.nightly --job krx-kospi --data FILE_OR_FOLDER [--home FOLDER]

Runs `tidewatch run JOB` twice in processes of their own and prints one JSON object last. Peak
memory is sampled: of the process, and with its children (Prefect's temporary server).
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SAMPLE_S = 0.2


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--job", default="krx-kospi")
    options.add_argument("--data", type=Path, help="instead of the job's source.path")
    options.add_argument("--home", type=Path, help="empty folder for lake, MLflow, Prefect")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = args.home or Path(folder)
        first = run_night(args.job, args.data, home)
        again = run_night(args.job, args.data, home)
    print(json.dumps({"job": args.job, "first": first, "repeated": again}))


def run_night(job: str, data: Path | None, home: Path) -> dict[str, object]:
    """Run a job once and return its figures."""
    command = [sys.executable, "-m", "deployments.cli", "run", job]
    if data:
        command += ["--set", f"source.path={data}"]
    environment = os.environ | {"TIDEWATCH_HOME": str(home), "COLUMNS": "400"}
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        peak, own = watch_memory(process.pid)
        text = process.stdout.read() if process.stdout else ""
    wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{job} ended with {process.returncode}")
    lines = dict(re.findall(r"^(\w[\w ]*?) {2,}(.+?)\s*$", text, flags=re.MULTILINE))
    stages = re.findall(r"([a-z][a-z ]*) ([\d.]+)", lines.get("Seconds", ""))
    return {
        "wall_s": round(wall, 1),
        "seconds": {name.strip(): float(value) for name, value in stages},
        "peak_gib": round(own / 2**30, 2),
        "peak_with_children_gib": round(peak / 2**30, 2),
        "says": {
            name: lines[name]
            for name in (
                "Ingest",
                "Repaired",
                "Quarantined",
                "Forecast model",
                "Detect model",
                "Events",
            )
            if name in lines
        },
    }


def watch_memory(pid: int) -> tuple[int, int]:
    """Wait for a process; return the peak bytes of its whole tree, and of itself."""
    process, peak, own = psutil.Process(pid), 0, 0
    while True:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return peak, own
            mine = process.memory_info().rss
            children = sum(child.memory_info().rss for child in process.children(recursive=True))
        except psutil.NoSuchProcess:
            return peak, own
        own, peak = max(own, mine), max(peak, mine + children)
        time.sleep(SAMPLE_S)


if __name__ == "__main__":
    main()
