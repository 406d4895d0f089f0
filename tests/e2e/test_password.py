"""Prefect's own password: who does not know it reads nothing and starts nothing."""

import pytest
import requests

from deployments.jobs import read_jobs
from tests.support import BIN, clean_environment, wait_for

pytestmark = pytest.mark.e2e

SECRET = "night:tide-and-time"


def test_a_server_with_a_password_serves_only_those_who_know_it(
    tmp_path, start, tidewatch, free_port
):
    home, page = tmp_path / "home", f"http://127.0.0.1:{free_port}"
    locked = clean_environment(home, PREFECT_SERVER_API_AUTH_STRING=SECRET)
    start([BIN / "tidewatch", "page", "prefect", "--port", str(free_port)], locked)
    wait_for(
        lambda: requests.get(f"{page}/api/health", timeout=2).ok, seconds=120, what="server up"
    )

    def ask(auth=None):
        place = f"{page}/api/deployments/filter"
        return requests.post(place, json={}, auth=auth, timeout=10)

    assert ask().status_code == 401
    assert ask(("night", "wrong")).status_code == 401

    refused = tidewatch("serve", PREFECT_API_URL=f"{page}/api")
    assert refused.returncode == 1
    assert "set PREFECT_API_AUTH_STRING" in refused.stderr
    assert "Traceback" not in refused.stderr

    knows = clean_environment(home, PREFECT_API_URL=f"{page}/api", PREFECT_API_AUTH_STRING=SECRET)
    start([BIN / "tidewatch", "serve"], knows)
    wait_for(
        lambda: len(ask(tuple(SECRET.split(":"))).json()) == len(read_jobs()),
        seconds=120,
        what="all jobs deployed",
    )
