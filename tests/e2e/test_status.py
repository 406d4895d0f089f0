"""`tidewatch status` beside a real Prefect server: an absent night, a night, a hole in its rows."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
from deltalake import DeltaTable

from pipelines_lib.forecasting.nights import SCHEDULE, read_nights
from pipelines_lib.lake import Lake
from tests.absence import store_job
from tests.support import BIN, clean_environment, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]  # it waits for a minute that is due

JOB = "waves-nightly"
DATASET = {
    "name": "waves",
    "source": {"kind": "synthetic-sine", "n_series": 3, "n_steps": 400},
    "kind": "values",
    "value_columns": ["value"],
    "target": "value",
    "calendar": "fixed",
}
FORECASTER = {
    "model": "linear",
    "lookback": 20,
    "horizon": 4,
    "features": [],
    "target_kind": "level",
    "split": {"validation_steps": 40, "calibration_steps": 60, "test_steps": 60},
    "training": {"max_epochs": 1, "windows_per_epoch": 200},
}
DEPLOY = (
    "import sys; from deployments.jobs import find_job; "
    "from deployments.serve import make_deployments; "
    "[print(each.apply()) for each in make_deployments({sys.argv[1]: find_job(sys.argv[1])})]"
)


def test_status_names_the_night_and_the_series_that_are_absent(
    tmp_path, tidewatch, start, free_port
):
    home, page = tmp_path / "home", f"http://127.0.0.1:{free_port}"
    start([BIN / "tidewatch", "page", "prefect", "--port", str(free_port)], clean_environment(home))
    wait_for(
        lambda: requests.get(f"{page}/api/health", timeout=2).ok, seconds=120, what="server up"
    )
    server = {"PREFECT_API_URL": f"{page}/api"}
    due = (datetime.now(UTC) + timedelta(seconds=150)).replace(second=0, microsecond=0)
    cron = {"cron": f"{due.minute} {due.hour} * * *", "timezone": "UTC"}
    parameters = {"dataset": DATASET, "forecaster": FORECASTER, "detect": False}
    store_job(home, name=JOB, schedules=[cron], parameters=parameters)
    deployed = start([sys.executable, "-c", DEPLOY, JOB], clean_environment(home, **server))
    assert deployed.wait(timeout=60) == 0, deployed.stdout.read()
    assert datetime.now(UTC) < due, "this machine is too slow to deploy before the job is due"

    def status(*options, **extra):
        grace = {"TIDEWATCH_NIGHT_GRACE_MINUTES": "0"}
        ended = tidewatch("status", *options, home=home, **server, **grace, **extra)
        assert "Traceback" not in ended.stderr
        return ended.returncode, ended.stdout

    code, said = status()
    assert code == 0, said
    assert JOB in said

    def scheduled():
        query = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        runs = requests.post(f"{page}/api/flow_runs/filter", json=query, timeout=10).json()
        wanted = [run for run in runs if run["expected_start_time"][:16] == f"{due:%Y-%m-%dT%H:%M}"]
        return wanted and wanted[0]["id"]

    run = wait_for(scheduled, seconds=60, what="a scheduled run")
    time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds() + 1))
    code, said = status()  # nobody serves the job
    assert code == 1
    first = said.splitlines()[0]
    assert first.startswith(f"PROBLEM {JOB}: the run due {due:%a %Y-%m-%d %H:%M} UTC is absent: ")
    assert "was never started" in first
    assert first.endswith(f"-> tidewatch run {JOB}")

    night = start(
        [sys.executable, "-m", "prefect", "flow-run", "execute", run],
        clean_environment(home, **server),
    )
    assert night.wait(timeout=120) == 0, night.stdout.read()
    code, said = status("--json")
    found = json.loads(said)
    assert (code, found["problems"]) == (0, []), said
    [line] = [line for line in found["jobs"] if line["job"] == JOB]
    assert line["last_run"]["state"] == "Completed"
    assert line["next_run"] > due.isoformat()  # tomorrow
    assert [c["model"] for c in found["champions"]] == ["waves-forecaster"]
    assert found["datasets"][0]["series_live"] == 3

    [noted] = read_nights(Lake(str(home / "lake")), "waves")
    assert (noted.started_by, noted.flow_run_id) == (SCHEDULE, run)
    lost = "series_id = 'cos' AND step > 2"
    DeltaTable(str(home / "lake/waves/forecasts")).delete(lost)
    code, said = status()
    assert code == 1
    assert "1 series lack steps of the horizon" in said.splitlines()[0]
    assert "cos (2 of 4)" in said.splitlines()[0]
