"""The benchmarks of training run, and their last line is the JSON that others read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = ["--rounds=1", "--seconds=0", "--series=2", "--rows=120"]


def run_benchmark(name: str, *arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_training_speed_compares_ours_in_one_run():
    result = run_benchmark("training_speed", *TINY)
    assert result["windows"] == 2 * (120 - 30)
    assert all(result[name] > 0 for name in ("ours", "bare_loop", "dataloader"))
    assert 0.05 < result["ours_vs_bare"] < 2
    assert result["ours_vs_bare"] == pytest.approx(result["ours"] / result["bare_loop"], rel=0.05)
    assert (result["threads"], result["horizon"]) == (1, 1)
    assert result["torch"]
    # Neither is installed here, and only what ran may be compared.
    assert result["versions"].keys() | {"bare"} == {
        name.removeprefix("ours_vs_") for name in result if name.startswith("ours_vs_")
    }


def test_training_speed_takes_bars_from_a_file(make_bars, tmp_path):
    bars = make_bars(["A", "B", "C"], n=80).drop(columns=["repair", "ingest_id"])
    path = tmp_path / "bars.csv"
    bars.assign(Date=bars["time"].dt.date, Code=bars["series_id"]).drop(
        columns=["time", "series_id"]
    ).to_csv(path, index=False)
    arguments = [*TINY[:-1], "--rows=70", f"--data={path}"]
    assert run_benchmark("training_speed", *arguments)["windows"] == 2 * (70 - 30)


def test_windows_memory_follows_the_data_not_the_windows():
    # All windows of 256 steps would take 350 MiB, the series 1.
    result = run_benchmark(
        "windows_memory", "--series=40", "--rows=1800", "--long=256", "--batches=50"
    )
    assert 0.8 < result["ratio"] <= 1.2
    assert result["long"]["served"] == result["short"]["served"] == 50 * 64
    assert result["long"]["windows"] == 40 * (1800 - 256)
    assert result["prebuilt_mib"]["long"] == pytest.approx(40 * 1544 * 256 * 5 * 4 / 2**20, abs=0.1)
    assert result["long"]["grown_mib"] < 60 < result["prebuilt_mib"]["long"]
