"""`tidewatch up`: everything starts, survives what is killed, and ends without a trace."""

import os
import shutil
import signal
import subprocess
import time

import psutil
import pytest
import requests

from pipelines_lib.lake import Lake
from pipelines_lib.tables import FORECASTS
from tests.e2e.served import Served, left_of, store_job
from tests.support import BIN, ROOT, clean_environment, wait_for

pytestmark = pytest.mark.e2e


def read_forecasts(home, dataset):
    return Lake(str(home / "lake")).read_rows(dataset, FORECASTS)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Start it once for the tests that leave it running."""
    home = tmp_path_factory.mktemp("up") / "home"
    store_job(home, "small")
    one = Served(home)
    try:
        yield one.start()
    finally:
        one.end()


def test_up_says_where_the_pages_are_and_they_answer(served):
    said = served.said()
    assert f"Prefect  http://127.0.0.1:{served.prefect_port}" in said
    assert f"MLflow   http://127.0.0.1:{served.mlflow_port}" in said
    assert requests.get(f"http://127.0.0.1:{served.prefect_port}/", timeout=10).ok
    assert requests.get(f"{served.mlflow}/", timeout=10).ok
    assert "Traceback" not in said


def test_up_listens_on_this_machine_alone(served):
    listening = {
        (c.laddr.ip, c.laddr.port)
        for process in psutil.Process(served.process.pid).children(recursive=True)
        for c in process.net_connections("inet")
        if c.status == psutil.CONN_LISTEN
    }
    assert ("127.0.0.1", served.prefect_port) in listening
    assert {address for address, _ in listening} <= {"127.0.0.1", "::1"}


def test_up_beside_another_says_which_port_is_taken_by_whom(served, tmp_path):
    ended = subprocess.run(
        [BIN / "tidewatch", "up", "--prefect-port", str(served.prefect_port)],
        cwd=ROOT,
        env=clean_environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert f"Prefect cannot listen on 127.0.0.1:{served.prefect_port}" in ended.stderr
    assert "process " in ended.stderr
    assert "--prefect-port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_runs_of_one_job_wait_for_each_other(served):
    first, second = served.run("small"), served.run("small")
    for run in (first, second):
        assert served.wait_ended(run)["name"] == "Completed"
    spans = sorted((served.look(run)["start_time"], served.look(run)["end_time"])
                   for run in (first, second))  # fmt: skip
    assert spans[0][1] <= spans[1][0]


def test_a_run_whose_process_is_killed_has_crashed_and_the_next_one_goes_on(served):
    run = served.run("small")
    os.kill(served.wait_running(run), signal.SIGKILL)
    began = time.monotonic()
    assert served.wait_ended(run)["type"] == "CRASHED"
    assert time.monotonic() - began < 120
    assert served.wait_ended(served.run("small"))["name"] == "Completed"


def test_a_run_that_is_killed_with_its_runner_has_crashed_within_two_minutes(served):
    run = served.run("small")
    process = served.wait_running(run)
    runner = served.processes("deployments.cli serve")
    for each in (*[one.pid for one in runner], process):
        os.kill(each, signal.SIGKILL)
    began = time.monotonic()
    state = served.wait_ended(run)
    assert time.monotonic() - began < 120
    assert state["type"] == "CRASHED"
    assert f"its process {process} is gone" in state["message"]
    assert served.wait_ended(served.run("small"))["name"] == "Completed"  # by a new runner


def test_servers_that_are_killed_come_back_and_the_run_survives(served):
    run = served.run("small", dataset={"name": "other", "source": {"kind": "synthetic-market"}})
    served.wait_running(run)
    for words in ("prefect server start", "mlflow server"):
        for process in served.processes(words):
            process.kill()
    time.sleep(1)
    served.wait(
        lambda: (
            requests.get(f"{served.api}/health", timeout=2).ok
            and requests.get(f"{served.mlflow}/health", timeout=2).ok
        ),
        120,
        "the servers are back",
    )
    assert served.wait_ended(run)["name"] == "Completed"
    assert read_forecasts(served.home, "other")["series_id"].nunique() == 8


def test_ctrl_c_during_a_run_leaves_no_process_and_what_was_backed_up_goes_on(served, tmp_path):
    run = served.run("small")
    served.wait_running(run)
    copy = tmp_path / "copy"
    command = [BIN / "tidewatch", "backup", copy]
    subprocess.run(command, cwd=ROOT, env=served.environment, check=True, timeout=120)
    before = len(served.said())
    assert served.stop() == (0, [])
    assert "Traceback" not in served.said()[before:]
    shutil.rmtree(served.home)
    shutil.copytree(copy, served.home)  # it goes on as of the backup, in the middle of a run
    served.start()
    assert served.wait_ended(run)["type"] == "CRASHED"
    before = read_forecasts(served.home, "small")
    assert served.wait_ended(served.run("small"))["name"] == "Completed"
    assert read_forecasts(served.home, "small").equals(before)  # nothing was lost, nothing is new


def test_up_that_is_killed_takes_all_with_it(served):
    served.wait_running(served.run("small"))
    family = psutil.Process(served.process.pid).children(recursive=True)
    assert len(family) >= 4
    served.process.kill()
    served.process.wait()
    assert left_of(family) == []


def test_up_without_servers_joins_those_that_run(tmp_path, start, free_port):
    home, api = tmp_path / "home", f"http://127.0.0.1:{free_port}/api"
    words = [BIN / "tidewatch", "page", "prefect", "--port", str(free_port)]
    server = start(words, clean_environment(home))
    wait_for(lambda: requests.get(f"{api}/health", timeout=2).ok, seconds=120, what="server up")
    joining = Served(home, {"PREFECT_API_URL": api})
    joining.api = api
    try:
        joining.start("--no-servers")
        assert not joining.processes("server start")
        assert joining.stop() == (0, [])
        assert server.poll() is None
    finally:
        joining.end()


def test_up_without_servers_asks_for_the_address(tidewatch):
    ended = tidewatch("up", "--no-servers")
    assert ended.returncode == 1
    assert "PREFECT_API_URL is not set" in ended.stderr
    ended = tidewatch("up", "--no-servers", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert ended.returncode == 1
    assert "does not answer" in ended.stderr
