"""`tidewatch up` in a home of its own, and what a test asks of it."""

import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests
import yaml

from tests.support import BIN, ROOT, clean_environment, wait_for

SMALL = {
    "dataset": {
        "name": "small",
        "source": {"kind": "synthetic-market", "n_series": 3, "n_steps": 400, "seed": 7},
    },
    "forecaster": {
        "lookback": 10,
        "horizon": 3,
        "hidden": 4,
        "split": {"validation_steps": 40, "calibration_steps": 60, "test_steps": 40},
        "training": {"max_epochs": 2},
    },
    "detector": {
        "parts": ["shift", "pca"],
        "split": {"validation_steps": 40, "calibration_steps": 60, "test_steps": 40},
    },
}
"""Parameters of a night that takes seconds."""
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def free_ports(n=2):
    """Return ports that nothing listens on."""
    probes = [socket.socket() for _ in range(n)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def store_job(home, name, *, flow="nightly", schedules=(), **parameters):
    """Store a job as a search does, so that it is served beside the declared ones.

    A night has the parameters of SMALL beside those given; of another flow give all.
    """
    entry = {
        "name": name,
        "entrypoint": f"flows/{flow}.py:{flow}",
        "description": "A job of a test.",
        "parameters": (SMALL if flow == "nightly" else {}) | parameters,
        "schedules": list(schedules),
    }
    folder = home / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(entry), encoding="utf-8")


def left_of(family, seconds=20):
    """Return the commands of the processes that do not end by themselves in time."""
    _, alive = psutil.wait_procs(family, timeout=seconds)
    return [command for process in alive if (command := command_of(process))]


def command_of(process):
    """Return the command of a process; empty: it has ended, though nobody has asked how."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


@dataclass
class Served:
    """A running `tidewatch up`."""

    home: Path
    extra: dict = field(default_factory=dict)
    log: Path = Path()
    process: subprocess.Popen | None = None

    def __post_init__(self):
        self.prefect_port, self.mlflow_port = free_ports()
        self.prefect = f"http://127.0.0.1:{self.prefect_port}/v2"
        self.api = f"http://127.0.0.1:{self.prefect_port}/api"
        self.mlflow = f"http://127.0.0.1:{self.mlflow_port}"
        self.log = self.home.with_name(f"{self.home.name}-up.log")

    @property
    def environment(self):
        """Return the environment of a command beside it."""
        return clean_environment(self.home, PREFECT_API_URL=self.api, **self.extra)

    def start(self, *options):
        """Start it and wait until all jobs are deployed."""
        self.home.mkdir(parents=True, exist_ok=True)
        ports = [
            "--prefect-port", str(self.prefect_port), "--mlflow-port", str(self.mlflow_port)
        ]  # fmt: skip
        self.process = subprocess.Popen(
            [BIN / "tidewatch", "up", *ports, *options],
            cwd=ROOT,
            env=clean_environment(self.home, OMP_NUM_THREADS="1", **self.extra),
            stdout=self.log.open("a"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.wait(lambda: re.search(r"\d+ jobs, on schedule", self.said()), 180, "jobs are served")
        self.wait(lambda: len(self.deployments()) >= self.promised(), 120, "all jobs deployed")
        return self

    def promised(self):
        """Return how many jobs it says that it serves."""
        return int(re.findall(r"(\d+) jobs, on schedule", self.said())[-1])

    def said(self):
        """Return all that it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def wait(self, condition, seconds, what):
        """Wait for a condition; where it fails, say what was printed."""

        def check():
            assert self.process.poll() is None, f"it ended:\n{self.said()[-3000:]}"
            return condition()

        try:
            return wait_for(check, seconds=seconds, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()[-3000:]}") from None

    def stop(self, sign=signal.SIGINT):
        """Stop it; return its exit code and the processes that are left of it."""
        if self.process is None:
            return 0, []
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(sign)
        code = self.process.wait(90)
        self.process = None
        return code, left_of(family)

    def end(self):
        """End it and all of its processes, whatever happened."""
        if self.process is None or self.process.poll() is not None:
            return
        family = psutil.Process(self.process.pid).children(recursive=True)
        for each in (self.process, *family):
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue

    def deployments(self):
        """Return the deployments by name."""
        answer = requests.post(f"{self.api}/deployments/filter", json={}, timeout=10)
        return {each["name"]: each for each in answer.json()}

    def id_of(self, name):
        """Return the id of a deployment."""
        return self.deployments()[name]["id"]

    def runs(self):
        """Return the flow runs that are not waiting for their time."""
        answer = requests.post(f"{self.api}/flow_runs/filter", json={}, timeout=10)
        return [each for each in answer.json() if not each["auto_scheduled"]]

    def run(self, name, **parameters):
        """Start a run of a job as the page does; return its id."""
        place = f"{self.api}/deployments/{self.id_of(name)}/create_flow_run"
        key = os.urandom(8).hex()  # 503 while its database is busy: asked again, one run

        def posted():
            body = {"parameters": parameters, "idempotency_key": key}
            answer = requests.post(place, json=body, timeout=30)
            return answer.json()["id"] if answer.ok else None

        return wait_for(posted, seconds=60, what=f"a run of {name}")

    def look(self, run):
        """Return a flow run as the server has it."""
        return requests.get(f"{self.api}/flow_runs/{run}", timeout=10).json()

    def wait_running(self, run, seconds=120):
        """Wait until a run has said which process it is; return its number."""
        return self.wait(
            lambda: self.look(run)["labels"].get("tidewatch.pid"), seconds, "the run is running"
        )

    def wait_ended(self, run, seconds=240):
        """Wait until a run has ended; return its state."""
        ended = self.wait(
            lambda: (state := self.look(run)["state"])["type"] in ENDED and state,
            seconds,
            "the run has ended",
        )
        return ended

    def processes(self, words):
        """Return the processes below it whose command has these words."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [each for each in family if words in command_of(each)]
