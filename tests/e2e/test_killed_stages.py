"""A night that is killed in every stage, and run again, ends in the tables of one that was not."""

import os
import signal
import subprocess

import pytest

from pipelines_lib.lake import Lake
from pipelines_lib.tables import EVENTS, FORECASTS, SCORES, observations_table
from tests.e2e.served import store_job
from tests.support import BIN, ROOT, clean_environment

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1500)]

STAGES = (
    "rows of 3 series fetched",  # in the ingest, before it ends
    "champion forecast of small' - Finished",
    "forecaster of small, epoch 1",  # in the middle of a training
    "train forecaster of small' - Finished",
    "forecast small' - Finished",
    "train detector of small' - Finished",
    "detect small' - Finished",
)
"""What the log says when the night is killed, one night each."""
TABLES = {
    "observations": observations_table(("open", "high", "low", "close", "volume")),
    "forecasts": FORECASTS,
    "scores": SCORES,
    "events": EVENTS,
}


def run_night(home, *, kill_at=""):
    """Run the small night; kill it and all of its children at a line. Return whether it was."""
    process = subprocess.Popen(
        [BIN / "tidewatch", "run", "small"],
        cwd=ROOT,
        env=clean_environment(home, OMP_NUM_THREADS="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if kill_at and kill_at in line:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
    assert process.wait(60) == 0, "".join(said[-40:])
    return False


def facts(home):
    """Return the facts of the tables, by key, without who wrote them."""
    lake = Lake(str(home / "lake"))
    found = {}
    for name, table in TABLES.items():
        rows = lake.read_rows("small", table)[[*table.key, *table.facts]]
        found[name] = rows.sort_values(list(table.key), ignore_index=True)
    return found


def test_a_night_killed_in_every_stage_ends_in_the_same_tables(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for home in (killed, whole):
        store_job(home, "small")
    assert [stage for stage in STAGES if not run_night(killed, kill_at=stage)] == []
    run_night(killed)
    run_night(whole)
    expected = facts(whole)
    assert len(expected["forecasts"])
    for name, rows in facts(killed).items():
        assert rows.drop(columns="ingest_id", errors="ignore").equals(
            expected[name].drop(columns="ingest_id", errors="ignore")
        ), name
