"""The status: what is a problem, what is shown, and that it never waits long."""

import io
import json
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from rich.console import Console

from deployments.prefect_runs import SeenRun
from deployments.servers import USUAL, Server
from deployments.status import JobLine, Status, gather_status
from deployments.status_text import print_status, status_json
from pipelines_lib.lake import Lake
from pipelines_lib.settings import Settings
from pipelines_lib.tables import QUARANTINE, SERIES_STATES
from tests.absence import JOB, day_of, due_on, leave_night, store_job

MONDAY, TUESDAY, WEDNESDAY = (day_of(f"2024-01-0{day}") for day in (1, 2, 3))
LATE = due_on(WEDNESDAY) + timedelta(hours=4)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setitem(USUAL, "Prefect", "http://127.0.0.1:1/api")
    monkeypatch.setitem(USUAL, "MLflow", "http://127.0.0.1:1")
    return tmp_path


def gathered(home, at=LATE, **fields):
    return gather_status(Settings(home=home, **fields), at=at)


def printed(status):
    out = io.StringIO()
    print_status(status, Console(file=out, width=100))
    return out.getvalue()


@contextmanager
def listening(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Healthy(BaseHTTPRequestHandler):
    """Says that it is well, which version of Prefect it is, and nothing else."""

    def do_GET(self):
        self.send_response(404 if "csrf-token" in self.path else 200)  # it asks for no token
        self.end_headers()
        self.wfile.write(b'"3.8.8"' if self.path.endswith("version") else b"true")

    def do_POST(self):
        self.send_error(401)

    def log_message(self, *_):
        pass


def test_an_empty_home_is_well_and_makes_nothing(home):
    status = gathered(home)
    assert (status.well, status.absences, status.datasets, status.champions) == (True, [], [], [])
    assert [server.up for server in status.servers] == [False, False]
    assert "`tidewatch up` starts it" in status.notes[0]
    assert "All is well." in printed(status)
    assert list(home.iterdir()) == []


def test_an_absent_night_comes_first_with_its_remedy(home, monkeypatch):
    store_job(home)
    lake = Lake(str(home / "lake"))
    leave_night(lake, MONDAY)
    leave_night(lake, TUESDAY)
    assert gathered(home, at=due_on(TUESDAY) + timedelta(hours=4)).well
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")

    status = gathered(home)

    assert not status.well
    assert [absence.due.job for absence in status.absences] == [JOB]
    lines = printed(status).splitlines()
    assert lines[0].startswith(f"PROBLEM {JOB}: the run due Wed 2024-01-03 18:00 UTC is absent: ")
    assert lines[0].endswith(f"-> tidewatch run {JOB}")
    assert lines[1].startswith("PROBLEM Prefect does not answer at http://127.0.0.1:1/api")
    said = json.loads(status_json(status))
    assert said["well"] is False
    assert said["absences"][0] == {
        "job": JOB,
        "dataset": "sensors",
        "due": "2024-01-03T18:00:00+00:00",
        "zone": "UTC",
        "subject": f"{JOB}/2024-01-03T18:00:00+00:00",
        "sentences": list(status.absences[0].sentences),
    }


@pytest.mark.parametrize("name", ["prefect", "mlflow"])
def test_a_server_that_should_be_there_and_is_not_is_a_problem(home, monkeypatch, name):
    fields = {}
    if name == "prefect":
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    else:
        fields["mlflow_uri"] = "http://127.0.0.1:1"
    status = gathered(home, **fields)
    assert not status.well
    assert [problem.text.lower().partition(" ")[0] for problem in status.problems] == [name]
    assert "DOWN" in printed(status)


def test_a_server_that_refuses_is_a_problem_and_the_lake_still_tells(home, monkeypatch):
    store_job(home)
    leave_night(Lake(str(home / "lake")), MONDAY)
    leave_night(Lake(str(home / "lake")), TUESDAY)
    with listening(Healthy) as address:
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        status = gathered(home)
    assert any(p.text.startswith(f"Prefect at {address}/api: ") for p in status.problems)
    assert [absence.due.job for absence in status.absences] == [JOB]
    assert [line.dataset for line in status.datasets] == ["sensors"]


def test_a_server_that_answers_too_slowly_is_left(home, monkeypatch):
    class Busy(Healthy):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[]")

    with listening(Busy) as address:
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        assert gathered(home).well
        monkeypatch.setattr("deployments.status.LONGEST_S", -1)
        [problem] = gathered(home).problems
    assert "TimeoutError: it is too busy" in problem.text


def test_servers_that_never_answer_are_not_waited_for(home, monkeypatch):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        began = time.monotonic()
        status = gathered(home, mlflow_uri=address)
        assert time.monotonic() - began < 15
    assert len(status.problems) == 2


def test_a_dataset_is_shown_as_it_lies_in_the_lake(home):
    lake = Lake(str(home / "lake"))
    leave_night(lake, TUESDAY)
    states = pd.DataFrame({"series_id": ["A", "B", "C"], "state": ["live", "failing", "dead"]})
    states = states.assign(since=pd.Timestamp(MONDAY), reason="r", asked_from="", ingest_id="i")
    lake.merge_rows("sensors", SERIES_STATES, states)
    held = pd.DataFrame({"series_id": ["A"], "rule": ["not_finite"], "row": ["{}"]})
    held = held.assign(time=pd.Timestamp(MONDAY), reason="r", ingest_id="i")
    lake.merge_rows("sensors", QUARANTINE, held)

    [line] = gathered(home).datasets

    assert (line.dataset, line.newest, line.live, line.dead) == ("sensors", "2024-01-02", 2, 1)
    assert line.quarantined == 1
    files = [path for path in (home / "lake" / "sensors").rglob("*") if path.is_file()]
    assert line.n_bytes == sum(path.stat().st_size for path in files)


def test_a_table_that_cannot_be_read_is_a_problem_and_hides_nothing_else(home):
    lake = Lake(str(home / "lake"))
    leave_night(lake, TUESDAY)
    for path in (home / "lake" / "sensors" / "observations" / "_delta_log").iterdir():
        path.write_text("no json", encoding="utf-8")
    status = gathered(home)
    assert [problem.text[:6] for problem in status.problems] == ["lake: "]
    assert len(status.jobs) > 1
    assert "Jobs" in printed(status)


def test_tables_fit_a_hundred_columns_and_times_are_the_jobs_own():
    ended = datetime(2026, 11, 26, 9, 30, 4, tzinfo=UTC)
    run = SeenRun("r", "COMPLETED", "Partial", "3 of 948 series failed " * 9, ended, ended, 4000)
    lines = [
        JobLine("krx-live-train-forecaster", "Asia/Seoul", "", True, False, ended, run),
        JobLine("us-live", "America/New_York", "", True, True, None, run),
        JobLine("demo", "UTC", "on demand", True, False, None, run),
    ]
    status = Status(ended, servers=[Server("Prefect", "http://h", True)], jobs=lines)
    text = printed(status)
    assert max(map(len, text.splitlines())) <= 100
    assert "Thu 11-26 18:30 KST" in text
    assert "Thu 11-26 04:30 EST" in text
    assert "1 h 07" in text
    for part in ("paused", "on demand", "Partial: 3 of"):
        assert part in text
    said = json.loads(status_json(status))
    assert said["jobs"][0]["next_run"] == "2026-11-26T18:30:04+09:00"
    assert said["jobs"][1]["last_run"]["started"] == "2026-11-26T04:30:04-05:00"


def test_the_command_says_json_and_ends_with_1_where_a_server_is_missing(run_tidewatch, home):
    ended = run_tidewatch("status", "--json", PREFECT_API_URL="http://127.0.0.1:1/api")
    assert ended.returncode == 1, ended.stderr
    said = json.loads(ended.stdout)
    assert said["servers"][0]["up"] is False
    assert said["problems"][0]["remedy"].startswith("tidewatch up")
    assert "Traceback" not in ended.stderr


def test_the_command_refuses_a_setting_in_one_sentence(run_tidewatch, home):
    ended = run_tidewatch("status", TIDEWATCH_NIGHT_GRACE_MINUTES="soon")
    assert ended.returncode == 1
    assert ended.stderr.startswith("tidewatch: settings cannot be used: TIDEWATCH_NIGHT_GRACE_MIN")
