"""A real Prefect server: schedules make runs, the page answers, a custom run completes."""

import pytest
import requests

from deployments.jobs import read_jobs
from tests.support import BIN, clean_environment, wait_for

pytestmark = pytest.mark.e2e


def test_serve_shows_scheduled_runs_and_runs_on_demand(tmp_path, start, free_port):
    home = tmp_path / "home"
    page = f"http://127.0.0.1:{free_port}"
    environment = clean_environment(home, PREFECT_API_URL=f"{page}/api")
    start([BIN / "tidewatch", "page", "prefect", "--port", str(free_port)], clean_environment(home))
    wait_for(
        lambda: requests.get(f"{page}/api/health", timeout=2).ok, seconds=120, what="server up"
    )
    start([BIN / "tidewatch", "serve"], environment)

    def deployments():
        answer = requests.post(f"{page}/api/deployments/filter", json={}, timeout=10)
        found = {d["name"]: d for d in answer.json()}
        return found if len(found) == len(read_jobs()) else None

    found = wait_for(deployments, seconds=120, what="all jobs deployed")

    schedule = found["krx-live"]["schedules"][0]["schedule"]
    assert schedule["cron"] == "30 18 * * 1-5"
    assert schedule["timezone"] == "Asia/Seoul"
    assert not found["krx-live"]["paused"]

    def scheduled_runs():
        query = {
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
            "deployments": {"name": {"any_": ["krx-live"]}},
        }
        return requests.post(f"{page}/api/flow_runs/filter", json=query, timeout=10).json()

    runs = wait_for(scheduled_runs, seconds=120, what="a scheduled run of krx-live")
    assert all(run["expected_start_time"][11:16] == "09:30" for run in runs)  # 18:30 in Seoul

    assert requests.get(page, timeout=10).status_code == 200
    place = f"{page}/api/deployments/{found['maintain']['id']}/create_flow_run"

    def posted():  # 503 while its database is busy: the page asks again, and so do we
        answer = requests.post(place, json={"idempotency_key": "one custom run"}, timeout=10)
        return answer.json() if answer.ok else None

    created = wait_for(posted, seconds=60, what="a custom run")

    def completed():
        run = requests.get(f"{page}/api/flow_runs/{created['id']}", timeout=10).json()
        assert run["state"]["type"] not in ("FAILED", "CRASHED"), run["state"]
        return run["state"]["type"] == "COMPLETED"

    wait_for(completed, seconds=120, what="the custom run's completion")


def test_serve_without_a_server_says_what_to_do(tidewatch):
    ended = tidewatch("serve")
    assert ended.returncode == 1
    assert "tidewatch page prefect" in ended.stderr
    assert "Traceback" not in ended.stderr
