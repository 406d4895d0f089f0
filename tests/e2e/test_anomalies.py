"""Every command of README and docs that is about anomalies. One test a job."""

import re

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.slow
def test_events_of_the_demo_are_listed_and_judged(tidewatch):
    assert tidewatch("run", "demo").returncode == 0

    listed = tidewatch("events", "demo")
    assert listed.returncode == 0, listed.stderr
    ids = re.findall(r"\be[0-9a-f]{10}\b", listed.stdout)
    assert ids
    assert "none judged" in listed.stdout

    judged = tidewatch("label", "demo", ids[0], "false")
    assert judged.returncode == 0, judged.stderr
    assert re.search(rf"event {ids[0]} \(SYN\d{{3}}, .*\) is a false alarm", judged.stdout)
    assert "1 judged: 0 true, 1 false" in tidewatch("events", "demo").stdout


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8])
def test_run_synthetic_spikes_finds_the_four_and_nothing_else(tidewatch, seed):
    ended = tidewatch("run", "synthetic-spikes", "--set", f"dataset.source.seed={seed}")
    assert ended.returncode == 0, ended.stderr
    listed = tidewatch("events", "synthetic-spikes").stdout
    found = re.findall(r"^e[0-9a-f]{10} +sin +(\S+(?: \d\d:\d\d)?) +1 ", listed, flags=re.MULTILINE)
    # Hours 800, 600, 400 and 200 of 2024, each by itself.
    assert found == ["2024-02-03 08:00", "2024-01-26", "2024-01-17 16:00", "2024-01-09 08:00"]
    assert listed.count("sin ") == 4


@pytest.mark.slow
@pytest.mark.timeout(1300)
def test_run_server_metrics_is_judged_by_its_labels(tidewatch, shared_data):
    path = shared_data / "smd/machine-1-6.npz"
    ended = tidewatch("run", "server-metrics", "--set", f"source.path={path}", timeout=1200)
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stdout.split())
    assert "47,377 rows fetched: 47,377 new" in said
    # As many as `test_label` marks among the test rows: nothing was injected.
    assert "(3708 of 23,689 steps anomalous)" in said
    model, pca = re.search(r"anomalous\) ([\d.]+), windowed PCA ([\d.]+)", said).groups()
    assert float(model) > float(pca)


@pytest.mark.slow
def test_run_kospi_nightly(tidewatch, shared_data):
    path = shared_data / "krx/kospi_2020_2026.parquet"
    ended = tidewatch(
        "run",
        "kospi-nightly",
        *("--set", f"source.path={path}", "--set", "forecast=false"),
        timeout=580,
    )
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stdout.split())
    assert "1,428,309 rows fetched: 1,428,297 new" in said
    assert "kospi-nightly-detector v1" in said
    assert "no step can be an alarm" not in ended.stdout + ended.stderr
