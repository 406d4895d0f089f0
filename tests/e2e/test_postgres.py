"""Prefect on Postgres, which several machines share: heartbeats tell whose process is gone."""

import os
import pwd
import shutil
import signal
import subprocess
import time

import pytest
import requests

from tests.e2e.served import Served, free_ports, store_job
from tests.support import BIN, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture
def postgres(tmp_path):
    """Start a database of its own; return the address that Prefect wants."""
    initdb, server = (shutil.which(name) for name in ("initdb", "postgres"))
    if not initdb or not server:
        pytest.skip("no initdb and postgres on PATH: install Debian's postgresql")
    user = None
    if os.geteuid() == 0:  # it refuses to run as root
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            pytest.skip("this is root, and there is no user postgres to run the database as")
    folder, port = tmp_path / "postgres", free_ports(1)[0]
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(0o755) if parent.stat().st_uid == os.geteuid() else None
    folder.mkdir()
    if user:
        shutil.chown(folder, user)
    folder.chmod(0o700)
    subprocess.run(
        [initdb, "-D", folder, "-U", "tide", "--auth=trust"],
        check=True, user=user, capture_output=True, cwd="/",
    )  # fmt: skip
    process = subprocess.Popen(
        [server, "-D", folder, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"],
        user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def made():
        words = ["createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "tide", "prefect"]
        return subprocess.run(words, capture_output=True).returncode == 0

    wait_for(made, seconds=60, what="a database")
    yield f"postgresql+asyncpg://tide@127.0.0.1:{port}/prefect"
    process.send_signal(signal.SIGINT)
    process.wait(30)


def test_a_run_on_postgres_whose_machine_is_gone_has_crashed_by_its_heartbeat(
    tmp_path, postgres, start
):
    home = tmp_path / "home"
    store_job(home, "small")
    served = Served(home, {"PREFECT_SERVER_DATABASE_CONNECTION_URL": postgres})
    port = str(served.prefect_port)
    server = start([BIN / "tidewatch", "page", "prefect", "--port", port], served.environment)
    served.process = server
    served.wait(lambda: requests.get(f"{served.api}/health", timeout=2).ok, 180, "the server is up")
    runner = start([BIN / "tidewatch", "serve"], served.environment)  # and nobody who watches
    served.wait(lambda: "small" in served.deployments(), 180, "the jobs are deployed")
    assert served.wait_ended(served.run("small"))["name"] == "Completed"

    many = {"name": "many", "source": {"kind": "synthetic-market", "n_series": 40}}
    long = {"max_epochs": 400, "patience": 400}
    run = served.run("small", dataset=many, forecaster={"training": long})
    process = served.wait_running(run)
    time.sleep(40)  # it has beaten once at least
    assert served.look(run)["state"]["type"] == "RUNNING", served.look(run)["state"]
    for each in (runner.pid, process):
        os.kill(each, signal.SIGKILL)
    began = time.monotonic()
    state = served.wait_ended(run, seconds=300)
    assert state["type"] == "CRASHED"
    assert "heartbeat has stopped" in state["message"]
    assert time.monotonic() - began < 180
