"""A job that is due each minute runs each minute, and never beside itself."""

import itertools

import pytest
import requests

from tests.e2e.served import SMALL, Served, store_job

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1500)]


def test_a_job_due_each_minute_runs_three_times_without_overlap(tmp_path):
    home = tmp_path / "home"
    # Of an exchange's sessions only the first run of a day would have anything to do.
    dataset = SMALL["dataset"] | {"calendar": "fixed"}
    every_minute = {"cron": "* * * * *", "timezone": "Asia/Seoul"}
    store_job(home, "minutely", schedules=[every_minute], dataset=dataset)
    served = Served(home)
    try:
        served.start()
        deployment = served.deployments()["minutely"]["id"]

        def completed():
            query = {
                "deployments": {"id": {"any_": [deployment]}},
                "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
                "sort": "START_TIME_ASC",
            }
            answer = requests.post(f"{served.api}/flow_runs/filter", json=query, timeout=10)
            runs = [run for run in answer.json() if run["state"]["name"] == "Completed"]
            return runs if len(runs) >= 3 else None

        runs = served.wait(completed, 420, "three runs")
        assert all(run["auto_scheduled"] for run in runs)
        due = [run["expected_start_time"][:16] for run in runs]
        assert len(set(due)) == len(due)
        spans = [(run["start_time"], run["end_time"]) for run in runs]
        for (_, ended), (began, _) in itertools.pairwise(spans):
            assert ended <= began
        code, left = served.stop()
        assert (code, left) == (0, [])
    finally:
        served.end()
