"""Real servers and a real webhook: a night tells its anomaly once; new rows start a job."""

import json

import pytest
import requests
import yaml

from deployments.jobs import read_jobs
from tests.sensors import write_hours
from tests.support import BIN, clean_environment, wait_for
from tests.webhook import open_webhook

pytestmark = pytest.mark.e2e

SPLIT = {"validation_steps": 30, "calibration_steps": 60, "test_steps": 40}
TRAINING = {"max_epochs": 1, "windows_per_epoch": 2000, "batch_size": 64}
SMALL = {"lookback": 24, "hidden": 8, "split": SPLIT, "training": TRAINING}
SECRET = "3a9c-secret"


def write_jobs(home, folder):
    """Store three jobs beside those of prefect.yaml: a night, an ingest, and what follows it."""
    dataset = {
        "name": "sensors",
        "source": {"kind": "files", "path": str(folder)},
        "kind": "values",
        "value_columns": ["value"],
        "target": "value",
        "unit": "degC",
        "calendar": "fixed",
        "step_minutes": 60,
    }
    forecaster = SMALL | {"horizon": 3, "target_kind": "level", "features": []}
    detector = SMALL | {"events": {"max_gap": 6}}
    follows = {
        "expect": ["tidewatch.ingest.committed"],
        "match": {"prefect.resource.id": "tidewatch.dataset.sensors"},
    }
    jobs = {
        "sensors": (
            "nightly",
            {"dataset": dataset, "forecaster": forecaster, "detector": detector},
        ),
        "sensors-ingest": ("ingest", {"dataset": dataset}),
        "sensors-forecast": ("forecast", {"dataset": "sensors"}),
    }
    (home / "jobs").mkdir(parents=True)
    for name, (flow, parameters) in jobs.items():
        entry = {"name": name, "entrypoint": f"flows/{flow}.py:{flow}", "parameters": parameters}
        entry |= {"triggers": [follows]} if flow == "forecast" else {}
        (home / "jobs" / f"{name}.yaml").write_text(yaml.safe_dump(entry), encoding="utf-8")


class Page:
    """Prefect's server, asked as its page asks it."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/api"

    def ask(self, path, query=None):
        answer = requests.post(f"{self.url}/{path}", json=query or {}, timeout=30)
        return answer.json() if answer.ok else None

    def runs_of(self, job):
        found = self.ask("flow_runs/filter", {"deployments": {"name": {"any_": [job]}}}) or []
        return [(run["state"]["type"], run["state"]["name"]) for run in found]

    def run(self, job, jobs):
        """Run a job and wait for its end."""
        key = {"idempotency_key": f"{job} {len(self.runs_of(job))}"}
        place = f"deployments/{jobs[job]['id']}/create_flow_run"
        made = wait_for(lambda: self.ask(place, key), seconds=60, what=f"a run of {job}")

        def ended():
            run = requests.get(f"{self.url}/flow_runs/{made['id']}", timeout=30).json()
            assert run["state"]["type"] not in ("FAILED", "CRASHED"), run["state"]
            return run["state"]["type"] == "COMPLETED"

        wait_for(ended, seconds=120, what=f"the end of {job}")


def test_a_night_tells_its_anomaly_once_and_new_rows_start_the_forecast(tmp_path, start, free_port):
    home, folder, page = tmp_path / "home", tmp_path / "hours", Page(free_port)
    write_jobs(home, folder)
    write_hours(folder, 400)
    logs = [tmp_path / "server.log", tmp_path / "serve.log"]
    with open_webhook(f"/hooks/{SECRET}") as webhook:
        command = [BIN / "tidewatch", "page", "prefect", "--port", str(free_port)]
        start_into(logs[0], start, command, clean_environment(home))
        wait_for(lambda: requests.get(f"{page.url}/health", timeout=2).ok, seconds=120, what="up")
        environment = clean_environment(
            home,
            PREFECT_API_URL=page.url,
            PREFECT_RUNNER_POLL_FREQUENCY="1",
            TIDEWATCH_ALERT_WEBHOOK=webhook.url,
        )
        start_into(logs[1], start, [BIN / "tidewatch", "serve"], environment)

        def deployed():
            found = {job["name"]: job for job in page.ask("deployments/filter") or []}
            return found if len(found) == len(read_jobs()) + 3 else None

        jobs = wait_for(deployed, seconds=120, what="all jobs deployed")

        page.run("sensors", jobs)
        wait_for(lambda: webhook.subjects("anomaly"), seconds=30, what="a message")
        first = [
            "sensors: anomaly in room since 2024-01-17 04:00 UTC",
            "sensors: sensors-detector v1 is champion",
            "sensors: sensors-forecaster v1 is champion",
        ]
        assert sorted(webhook.subjects()) == first
        (message,) = (m for m in webhook.received if "anomaly" in m["subject"])
        assert "tidewatch label sensors" in message["body"]
        assert f"http://127.0.0.1:{free_port}/runs/flow-run/" in message["body"]

        # Meanwhile a job fails: nobody has trained a model of the demo.
        page.ask(f"deployments/{jobs['demo-forecast']['id']}/create_flow_run")
        page.run("sensors", jobs)
        wait_for(lambda: len(webhook.received) > len(first), seconds=60, what="word of a failure")
        failure = webhook.received[-1]
        assert failure["subject"].startswith("demo-forecast: run forecast demo 20")
        assert "demo-forecaster has no champion" in failure["body"]
        assert f"http://127.0.0.1:{free_port}/runs/flow-run/" in failure["body"]
        first = sorted([*first, failure["subject"]])
        assert sorted(webhook.subjects()) == first

        assert page.runs_of("sensors-forecast") == []
        write_hours(folder, 403)
        page.run("sensors-ingest", jobs)
        followed = [("COMPLETED", "Completed")]
        wait_for(
            lambda: page.runs_of("sensors-forecast") == followed,
            seconds=60,
            what="the forecast after new rows",
        )
        assert sorted(webhook.subjects()) == first

        answers = [
            page.ask(f"{what}/filter", {})
            for what in (
                "logs",
                "artifacts",
                "automations",
                "block_documents",
                "events",
                "flow_runs",
            )
        ]
        assert all(answers)
        assert SECRET not in json.dumps(answers)
        assert all(SECRET not in log.read_text(encoding="utf-8") for log in logs)


def start_into(log, start, command, environment):
    """Start a process that writes to a file: a pipe that nobody reads would stop it."""
    start(["sh", "-c", f"exec {' '.join(map(str, command))} >{log} 2>&1"], environment)
