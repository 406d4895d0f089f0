"""Processes that belong together."""

import os
import sys
import time

import psutil
import pytest

from deployments.supervisor import Child, Supervisor, name_lines
from pipelines_lib.errors import TidewatchError

IGNORES_ALL = """
import signal, subprocess, sys, time
for each in (signal.SIGTERM, signal.SIGINT):
    signal.signal(each, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(said):
    made = Supervisor(lambda name, text: said.append((name, text)))
    yield made
    made.stop_all()


def child(code, **fields):
    return Child("server", [sys.executable, "-c", code], dict(os.environ), **fields)


def wait(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_wait_until_says_what_a_process_that_ended_said_last(supervisor):
    started = supervisor.start(child("print('no database'); raise SystemExit(3)", shown=False))
    with pytest.raises(TidewatchError, match=r"ended at its start \(exit code 3\).*\n.*no d"):
        supervisor.wait_until(lambda: False, started, seconds=30)


def test_wait_until_gives_up_after_its_time(supervisor):
    started = supervisor.start(child("import time; time.sleep(600)"))
    with pytest.raises(TidewatchError, match="server is not ready after 1 s"):
        supervisor.wait_until(lambda: False, started, seconds=1)


def test_start_shows_lines_under_the_name(supervisor, said):
    supervisor.start(child("print('one'); print(); print('zwölf')"))
    wait(lambda: len(said) == 2)
    assert said == [("server", "one"), ("server", "zwölf")]


def test_mind_starts_again_at_once_then_after_growing_waits(supervisor, said):
    supervisor.start(child("raise SystemExit(1)"))

    def minded(n):
        supervisor.mind()
        return sum("ended" in text for _, text in said) == n

    wait(lambda: minded(3))
    assert [text for _, text in said if "ended" in text] == [
        "ended (exit code 1); started again in 1 s",
        "ended (exit code 1); started again in 3 s",
        "ended (exit code 1); started again in 7 s",
    ]


def test_stop_kills_what_ignores_it_and_all_that_it_started(supervisor, said, monkeypatch):
    monkeypatch.setattr("deployments.supervisor.PATIENCE_S", 0.5)
    started = supervisor.start(child(IGNORES_ALL))
    wait(lambda: ("server", "ready") in said)
    process = psutil.Process(started.process.pid)
    family = [process, *process.children(recursive=True)]
    assert len(family) == 3  # the tether, the program, what it started
    supervisor.stop(started)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert ("server", "is killed: it has not ended within 0 s") in said


def test_name_lines_shows_no_secret(capsys):
    tell = name_lines(("prefect", "jobs"), secrets=("https://hooks.example/T0K3N", ""))
    tell("jobs", "POST https://hooks.example/T0K3N answered 500")
    assert capsys.readouterr().out == "jobs    | POST *** answered 500\n"
