"""Runs: how they end, and what they say of themselves."""

import json

import mlflow
import pytest
from matplotlib.figure import Figure

from pipelines_lib.config import ForecasterConfig, TrainingConfig
from pipelines_lib.errors import ConfigError
from pipelines_lib.settings import Settings
from pipelines_lib.tracking import Tracker, read_figures, read_metrics


@pytest.fixture
def run(tracker):
    with tracker.run("prices", "forecast", name="test") as run:
        yield run


def read(tracker, run):
    return tracker.client.get_run(run.run_id)


def test_run_ends_finished(tracker):
    with tracker.run("prices", "forecast", name="lucky", tags={"flow_run_id": "f"}) as run:
        assert read(tracker, run).info.status == "RUNNING"
    found = read(tracker, run)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "lucky"
    assert found.data.tags["tidewatch.dataset"] == "prices"
    assert found.data.tags["flow_run_id"] == "f"
    assert found.data.tags["code_version"].startswith("0.")


@pytest.mark.parametrize("error", [ValueError("it broke: why"), KeyboardInterrupt("stopped")])
def test_run_ends_failed_with_the_error_as_a_tag(tracker, error):
    with (
        pytest.raises(type(error), match=str(error)),
        tracker.run("prices", "forecast", name="unlucky") as run,
    ):
        raise error
    found = read(tracker, run)
    assert found.info.status == "FAILED"
    assert found.data.tags["error"] == str(error)


def test_run_leaves_no_fluent_run_active(tracker):
    with tracker.run("prices", "forecast", name="quiet"):
        assert mlflow.active_run() is None
    assert mlflow.active_run() is None


def test_experiment_id_is_made_once(tracker):
    one = tracker.experiment_id("twice", "detect")
    assert tracker.experiment_id("twice", "detect") == one
    assert tracker.client.get_experiment(one).name == "twice/detect"


def test_tracker_keeps_artifacts_in_its_home(tracker, mlflow_home, run):
    run.log_text("note.txt", "hello")
    notes = list(mlflow_home.rglob("note.txt"))
    assert [path.read_text() for path in notes] == ["hello"]


def test_log_metrics_under_their_names_and_steps(tracker, run):
    run.log_metrics({"mae": 1.5}, step=1)
    run.log_metrics({"mae": 0.5, "rmse": 2}, step=2)
    assert read_metrics(tracker, run.run_id) == {"mae": 0.5, "rmse": 2.0}
    history = tracker.client.get_metric_history(run.run_id, "mae")
    assert [(m.step, m.value) for m in history] == [(1, 1.5), (2, 0.5)]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_log_metrics_refuses_what_is_not_finite(tracker, run, bad):
    with pytest.raises(ValueError, match=r"metrics are not finite: \{'mae': "):
        run.log_metrics({"rmse": 1.0, "mae": bad})
    assert read_metrics(tracker, run.run_id) == {}


def test_log_config_flat_and_whole(tracker, run):
    config = ForecasterConfig(hidden=7, training=TrainingConfig(max_epochs=3))
    run.log_config(config)
    run.log_config(TrainingConfig(), prefix="other.")
    params = read(tracker, run).data.params
    assert (params["hidden"], params["training.max_epochs"]) == ("7", "3")
    assert params["split.test_steps"] == "60"
    assert params["other.max_epochs"] == "20"
    stored = mlflow.artifacts.load_text(f"runs:/{run.run_id}/config.json")
    assert ForecasterConfig.model_validate(json.loads(stored)) == config
    assert "other.config.json" in {f.path for f in tracker.client.list_artifacts(run.run_id)}


def test_log_config_takes_more_parameters_than_fit_into_a_batch(tracker, run):
    class Many(ForecasterConfig):
        more: dict[str, int] = {f"n{i:03}": i for i in range(150)}  # noqa: RUF012

    run.log_config(Many())
    assert read(tracker, run).data.params["more.n149"] == "149"


def test_log_config_cuts_what_is_too_long(tracker, run):
    run.log_config(ForecasterConfig(train_series=[f"S{i:05}" for i in range(2000)]))
    assert len(read(tracker, run).data.params["train_series"]) == 6000


def test_log_data_tells_digest_and_version(tracker, run):
    run.log_data("prices", digest="abc123", version=7, place="/lake")
    found = read(tracker, run)
    assert found.data.tags["data.digest"] == "abc123"
    assert found.data.tags["data.observations_version"] == "7"
    dataset = found.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest) == ("prices", "abc123")


def test_log_figure_is_read_back_as_png(tracker, run):
    run.log_figure("losses", Figure())
    figures = read_figures(tracker, run.run_id)
    assert list(figures) == ["losses"]
    assert figures["losses"].startswith(b"\x89PNG")


def test_read_figures_of_a_run_without_any(tracker, run):
    assert read_figures(tracker, run.run_id) == {}


def test_log_file(tracker, run, tmp_path):
    (tmp_path / "report.html").write_text("<p>")
    run.log_file(tmp_path / "report.html", "reports")
    listed = tracker.client.list_artifacts(run.run_id, "reports")
    assert [f.path for f in listed] == ["reports/report.html"]


def test_tracker_says_what_to_do_where_mlflow_cannot_be_used(tracker, tmp_path):
    try:
        with pytest.raises(ConfigError, match=r"cannot be used.*TIDEWATCH_MLFLOW_URI"):
            Tracker(Settings(home=tmp_path, mlflow_uri="nonsense://somewhere"))
    finally:
        mlflow.set_tracking_uri(tracker.uri)
