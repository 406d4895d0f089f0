"""The search flow on a real lake, a real MLflow store and a real Prefect server."""

import io

import mlflow
import pandas as pd
import pytest

from deployments.jobs import find_job, run_job
from flows.search import search
from pipelines_lib.config import (
    DatasetConfig,
    ForecasterConfig,
    SearchConfig,
    SourceConfig,
    SplitConfig,
    TrainingConfig,
)
from pipelines_lib.config.space import parse_space
from pipelines_lib.errors import ConfigError
from pipelines_lib.forecasting.study import open_study
from pipelines_lib.settings import Settings
from pipelines_lib.tracking import Tracker

DATASET = DatasetConfig(
    name="market",
    source=SourceConfig(kind="synthetic-market", n_series=3, n_steps=320, seed=3),
)
FORECASTER = ForecasterConfig(
    lookback=8,
    horizon=2,
    hidden=4,
    features=["volatility"],
    split=SplitConfig(validation_steps=20, calibration_steps=20, test_steps=20),
    training=TrainingConfig(max_epochs=2, batch_size=128),
)
SEARCH = SearchConfig(
    space=["hidden=2..8", "learning_rate=1e-3..1e-2 log"], n_trials=3, n_startup_trials=1
)


def runs_of(home, tags):
    client = mlflow.MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("market/search").experiment_id
    return client.search_runs([experiment], filter_string=tags, order_by=["start_time"])


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Run a search once: its home folder, and what it found."""
    home = tmp_path_factory.mktemp("search") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWATCH_HOME", str(home))
        yield home, search(DATASET, FORECASTER, SEARCH)


def test_search_logs_each_trial_as_a_child_run(searched):
    home, found = searched
    client = mlflow.MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    children = runs_of(home, f"tags.`mlflow.parentRunId` = '{found.run_id}'")
    assert [child.data.tags["trial"] for child in children] == ["0", "1", "2"]
    assert {child.info.status for child in children} == {"FINISHED"}
    best = children[found.best_trial]
    assert best.data.tags["state"] == "complete"
    assert best.data.metrics["mase"] == found.selection_mase["best"]
    assert best.data.params["hidden"] == found.best_values["hidden"]
    losses = client.get_metric_history(best.info.run_id, "validation_loss")
    assert [loss.step for loss in losses] == [1, 2]


def test_search_logs_space_table_pictures_and_both_errors(searched):
    home, found = searched
    client = mlflow.MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    run = client.get_run(found.run_id)
    assert run.data.params["search.n_trials"] == "3"
    assert run.data.metrics["test_best_mase"] == found.test_mase["best"]
    assert run.data.metrics["test_base_mase"] == found.test_mase["base"]
    assert run.data.metrics["selection_best_mase"] == found.selection_mase["best"]
    assert run.data.tags["best.hidden"] == found.best_values["hidden"]
    place = client.download_artifacts(found.run_id, "trials.csv")
    with open(place, encoding="utf-8") as file:
        table = pd.read_csv(io.StringIO(file.read()))
    assert table["trial"].tolist() == [0, 1, 2]
    assert table["mase"].min() == pytest.approx(found.selection_mase["best"])
    names = {file.path for file in client.list_artifacts(found.run_id, "figures")}
    assert names == {"figures/history.png", "figures/fields.png"}


def test_search_stores_the_best_config_as_a_job_that_runs(searched, monkeypatch):
    home, found = searched
    monkeypatch.setenv("TIDEWATCH_HOME", str(home))
    job = find_job("market-best")
    assert f"MASE {found.test_mase['best']:.4f}, {found.test_mase['base']:.4f}" in job.description
    trained = run_job(job, ["max_epochs=1"])
    assert trained.name == "market-forecaster"
    hidden = mlflow.MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db").get_run(trained.run_id)
    assert hidden.data.params["hidden"] == found.best_values["hidden"]


def test_search_that_was_killed_goes_on_and_ends_what_was_left_open(searched, monkeypatch):
    home, found = searched
    monkeypatch.setenv("TIDEWATCH_HOME", str(home))
    dimensions = parse_space(SEARCH.space, FORECASTER)
    with open_study(
        home / "studies", "market", search=SEARCH, dimensions=dimensions, pruned=True
    ) as study:
        left = study.ask()  # a process dies here, its trial and its run open
        tags = {"tidewatch.study_key": study.key}
        tracker = Tracker(Settings())
        place = tracker.experiment_id("market", "search")
        run_id = tracker.client.create_run(place, tags=tags).info.run_id

    again = search(DATASET, FORECASTER, SEARCH.model_copy(update={"n_trials": 4}))

    assert tracker.client.get_run(run_id).info.status == "KILLED"
    assert sum(again.trials.values()) == 4
    [child] = runs_of(home, f"tags.`mlflow.parentRunId` = '{again.run_id}'")
    assert child.data.tags["value.hidden"] == str(left.params["hidden"])
    assert again.run_id != found.run_id


def test_search_refuses_another_space_under_the_same_name(searched, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(searched[0]))
    with pytest.raises(ConfigError, match="study market was begun with another space"):
        search(DATASET, FORECASTER, SEARCH.model_copy(update={"space": ["hidden=2..9"]}))


def test_search_refuses_a_space_before_it_fetches(home):
    with pytest.raises(ConfigError, match="horizon cannot be searched"):
        search(DATASET, FORECASTER, SEARCH.model_copy(update={"space": ["horizon=2..9"]}))
    assert not (home / "lake").exists()


def test_search_with_the_time_over_says_how_to_go_on(searched, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(searched[0]))
    hurried = SEARCH.model_copy(update={"n_trials": 99, "timeout_minutes": 1e-9})
    found = search(DATASET, FORECASTER, hurried)
    assert "run it again, and it goes on" in found.notes[0]
