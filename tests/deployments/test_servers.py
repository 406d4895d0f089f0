"""Where the servers are looked for, and which of them should be there."""

import json
import os
import subprocess
import sys
import time

import pytest

from deployments.servers import USUAL, find_mlflow, find_prefect
from pipelines_lib.settings import Settings

DOWN = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setitem(USUAL, "Prefect", f"{DOWN}/api")
    monkeypatch.setitem(USUAL, "MLflow", DOWN)


def note(home, pid, since):
    addresses = {"prefect": "http://127.0.0.1:2/", "mlflow": "http://127.0.0.1:3"}
    text = json.dumps(addresses | {"pid": pid, "since": since})
    (home / "up.json").write_text(text, encoding="utf-8")


def test_find_prefect_looks_at_the_usual_port_and_misses_nothing_there(tmp_path):
    found = find_prefect(Settings(home=tmp_path))
    assert (found.address, found.up, found.wanted_by) == (f"{DOWN}/api", False, "")
    assert not found.missing
    assert not find_mlflow(Settings(home=tmp_path)).missing


def test_find_prefect_goes_by_the_environment_first(tmp_path, monkeypatch):
    note(tmp_path, os.getpid(), time.time())
    monkeypatch.setenv("PREFECT_API_URL", f"{DOWN}:4/api/")
    found = find_prefect(Settings(home=tmp_path))
    assert (found.address, found.wanted_by) == (f"{DOWN}:4/api", "PREFECT_API_URL")
    assert found.missing


def test_find_mlflow_goes_by_its_setting_first(tmp_path):
    note(tmp_path, os.getpid(), time.time())
    found = find_mlflow(Settings(home=tmp_path, mlflow_uri=f"{DOWN}/"))
    assert (found.address, found.wanted_by, found.missing) == (DOWN, "TIDEWATCH_MLFLOW_URI", True)


def test_find_servers_goes_by_what_up_has_noted(tmp_path):
    note(tmp_path, os.getpid(), time.time())
    prefect, mlflow = find_prefect(Settings(home=tmp_path)), find_mlflow(Settings(home=tmp_path))
    assert (prefect.address, mlflow.address) == ("http://127.0.0.1:2/api", "http://127.0.0.1:3")
    assert prefect.wanted_by == f"tidewatch up, process {os.getpid()}"
    assert prefect.missing
    assert mlflow.missing


def test_find_prefect_says_that_up_was_killed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    note(tmp_path, gone.pid, time.time())
    assert find_prefect(Settings(home=tmp_path)).wanted_by == (
        f"tidewatch up, whose process {gone.pid} was killed"
    )


def test_find_prefect_knows_a_process_that_was_given_the_number_later(tmp_path):
    note(tmp_path, os.getpid(), since=1.0)  # long before this process began
    assert "was killed" in find_prefect(Settings(home=tmp_path)).wanted_by


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"prefect": 1, "mlflow": 2, "pid": "x"}'])
def test_find_prefect_passes_over_a_note_that_cannot_be_read(tmp_path, text):
    (tmp_path / "up.json").write_text(text, encoding="utf-8")
    assert find_prefect(Settings(home=tmp_path)).wanted_by == ""
