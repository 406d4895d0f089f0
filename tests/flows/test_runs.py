"""What a run leaves on Prefect's page: its name, the library's log lines, a page with pictures."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    FlowRunFilter,
    FlowRunFilterName,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.settings import PREFECT_API_URL

from flows.maintain import maintain
from flows.nightly import nightly
from flows.train_forecaster import train_forecaster
from pipelines_lib.config import (
    DatasetConfig,
    DetectorConfig,
    ForecasterConfig,
    SourceConfig,
    SplitConfig,
    TrainingConfig,
)
from tests.mirror import krx_market, naver_for
from tests.support import ROOT, clean_environment, wait_for

SPLIT = SplitConfig(validation_steps=30, calibration_steps=40, test_steps=40)
BRIEF = TrainingConfig(max_epochs=1, windows_per_epoch=2000, batch_size=64)
FORECASTER = ForecasterConfig(lookback=10, horizon=3, hidden=8, split=SPLIT, training=BRIEF)
DETECTOR = DetectorConfig(lookback=10, hidden=8, split=SPLIT, training=BRIEF)
SOURCE = SourceConfig(kind="synthetic-market", n_series=3, n_steps=320, seed=3)
DATASET = DatasetConfig(name="readable", source=SOURCE)
PICTURE = re.compile(r"!\[[^\[\]]*\]\((data:image/png;base64,[A-Za-z0-9+/=]+)\)")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, prefect_server):
    """A night, one more training and an upkeep in one home; return the home and the day."""
    home = tmp_path_factory.mktemp("readable") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWATCH_HOME", str(home))
        nightly(DATASET, forecaster=FORECASTER, detector=DETECTOR)
        train_forecaster("readable", FORECASTER)
        maintain("readable")
        yield home, f"{datetime.now(UTC):%Y-%m-%d}"


def ask(question):
    with get_client(sync_client=True) as client:
        return question(client)


def artifacts(key):
    """Return every artifact of a key, the oldest first: what Prefect shows as its history."""
    found = ask(
        lambda client: client.read_artifacts(
            artifact_filter=ArtifactFilter(key={"any_": [key]}), limit=50
        )
    )
    return sorted(found, key=lambda artifact: artifact.created)


def find_run(name):
    named = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
    return ask(lambda client: client.read_flow_runs(flow_run_filter=named))


def test_flow_runs_are_called_by_what_they_do_the_dataset_and_the_day(runs):
    _, day = runs
    for name in ("nightly readable", "train forecaster of readable", "maintain readable"):
        assert len(find_run(f"{name} {day}")) == 1


def test_task_runs_are_called_by_what_they_do_and_the_dataset(runs):
    (night,) = find_run(f"nightly readable {runs[1]}")

    def recorded():
        mine = FlowRunFilter(id={"any_": [night.id]})
        found = ask(lambda client: client.read_task_runs(flow_run_filter=mine))
        return {task.name for task in found} if len(found) == 8 else None

    assert wait_for(recorded, seconds=60, what="eight task runs recorded") == {
        "ingest readable",
        "champion forecast of readable",
        "train forecaster of readable",
        "forecast readable",
        "champion detect of readable",
        "train detector of readable",
        "detect readable",
        "report readable",
    }


def test_night_leaves_a_page_with_pictures_and_where_to_look_on(runs):
    home, _ = runs
    (page,) = artifacts("night-readable")
    pictures = PICTURE.findall(page.data)
    assert 2 <= len(pictures) <= 4
    assert sum(map(len, pictures)) < 200_000
    assert re.search(r"\*\*MLflow run\*\*: `[0-9a-f]{32}`; `tidewatch page mlflow`", page.data)
    assert f"`{home}/reports/readable/" in page.data
    told = re.findall(r"^\*(.+)\*$", page.data, flags=re.M)
    assert [page.data.count(words) for words in told] == [2] * len(told)  # and as alternative


def test_training_leaves_a_page_with_decision_baselines_and_pictures(runs):
    first, second = artifacts("training-readable-forecaster")
    assert first.data.startswith("# readable-forecaster v1 is champion\n")
    assert "**Why**: first model; " in first.data
    assert second.data.startswith("# readable-forecaster v2 is challenger\n")
    assert "the champion: MASE on" in second.data
    for page in (first, second):
        assert "| | MASE | MAE | RMSE |" in page.data
        assert re.search(r"^\| (model|last value|drift|seasonal naive) \| .*\d", page.data, re.M)
        assert len(PICTURE.findall(page.data)) >= 2
    (detector,) = artifacts("training-readable-detector")
    assert "| windowed PCA | " in detector.data
    assert PICTURE.search(detector.data)


def test_long_work_leaves_progress(runs):
    (night,) = find_run(f"nightly readable {runs[1]}")
    found = ask(lambda c: c.read_artifacts(limit=200))
    mine = [a for a in found if a.flow_run_id == night.id and a.type == "progress"]
    told = {artifact.description: artifact.data for artifact in mine}
    assert any(words.startswith("series of readable") for words in told)
    assert any(words.startswith("forecaster of readable: epochs") for words in told)
    assert any(words.startswith("detector of readable: epochs") for words in told)
    assert set(told.values()) == {100.0}


LISTING = """
from deployments.environment import load_settings, prepare_environment
prepare_environment(load_settings())
from flows.ingest import ingest
from pipelines_lib.config import DatasetConfig
source = {"kind": "fdr", "market": "KOSPI"}
state = ingest(
    DatasetConfig(name="heard", source=source, start="2026-11-01"), return_state=True
)
print(state.state_details.flow_run_id, state.name)
"""


def test_what_the_library_logs_reaches_the_run_once(mirror, tmp_path):
    days = [f"202611{day}|100|110|90|105|1000" for day in ("16", "17", "18", "19")]
    codes = {"005930": "STK", "NOCODE-7": "STK"}
    mirror.answers |= krx_market("2026-11-20", **codes) | {"sise.nhn": naver_for(*days)}
    environment = clean_environment(
        tmp_path / "other",
        PREFECT_API_URL=PREFECT_API_URL.value(),
        TIDEWATCH_FDR_MIRROR=mirror.url,
        TIDEWATCH_REQUESTS_PER_SECOND="1000",
        NO_PROXY="127.0.0.1",
        PYTHONPATH=str(ROOT),
    )
    done = subprocess.run(
        [sys.executable, "-c", LISTING],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    run_id, state = done.stdout.split()[-2:]
    assert state == "Completed"
    mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run_id)]))

    def logged():
        lines = ask(lambda client: client.read_logs(log_filter=mine, limit=200))
        told = [line for line in lines if line.name.startswith("pipelines_lib")]
        return told or None

    (line,) = wait_for(logged, seconds=60, what="the library's line in the run's log")
    assert line.message == "KOSPI: 1 listed codes left out, prices cannot be asked for"
    assert done.stderr.count(line.message) == 1
