"""What Prefect and MLflow cost: both ways do the same work; imports stay within their bounds."""

import json
import subprocess
import sys

import pytest

from benchmarks.import_times import FLOWS, cpu_s, median_s
from benchmarks.orchestration import stage_seconds
from tests.support import ROOT, clean_environment


def test_help_takes_less_than_half_a_second():
    assert median_s(["-m", "deployments.cli", "--help"]) < 0.5


@pytest.mark.parametrize("flow", FLOWS)
def test_flows_are_imported_within_four_seconds(flow):
    assert cpu_s(["-c", f"import flows.{flow}"]) < 4


def test_stage_seconds_reads_both_ways():
    assert stage_seconds('{"train forecaster": 2.5}') == {"train forecaster": 2.5}
    said = "Events   3\nSeconds   ingest 1.2, train forecaster 2.5, report 0.1\nReport  x\n"
    assert stage_seconds(said) == {"ingest": 1.2, "train forecaster": 2.5, "report": 0.1}


@pytest.mark.e2e
@pytest.mark.slow
def test_a_flow_does_the_work_of_the_library_calls_in_few_task_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.orchestration", "--synthetic"],
        cwd=ROOT,
        env=clean_environment(tmp_path, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["same_rows"] is True
    assert found["task_runs"] == 8
    assert found["task_runs_repeated"] == 6
    for told in (found["first"], found["repeated"]):
        assert found["overhead"] > 0
        assert told["flow"]["wall_s"] > 0 < told["plain"]["wall_s"]
        assert told["plain"]["report s"] > 0 < told["flow"]["report s"]
    assert found["overhead"] == pytest.approx(
        found["first"]["flow"]["wall_s"] / found["first"]["plain"]["wall_s"], rel=0.01
    )
    assert found["help_s"] < 0.5
    assert found["flow_import_s"] < 4
