"""The backtest flow on a real lake, a real MLflow store and a real Prefect server."""

import io

import mlflow
import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from rich.console import Console

from deployments.summary import print_backtest
from flows.backtest import backtest
from pipelines_lib.config import (
    BacktestConfig,
    DatasetConfig,
    ForecasterConfig,
    SourceConfig,
    SplitConfig,
    TrainingConfig,
)
from pipelines_lib.errors import ConfigError

SINE = DatasetConfig(
    name="waves",
    source=SourceConfig(
        kind="synthetic-sine", n_series=2, n_steps=300, period=24, noise=0.05, anomalies=False
    ),
    kind="values",
    value_columns=["value"],
    target="value",
    unit="V",
    calendar="fixed",
    step_minutes=60,
)
FORECASTER = ForecasterConfig(
    lookback=24,
    horizon=3,
    hidden=4,
    features=[],
    target_kind="level",
    split=SplitConfig(validation_steps=20, calibration_steps=30),
    training=TrainingConfig(max_epochs=2, batch_size=64),
)
FOLDS = BacktestConfig(n_folds=2, test_steps=30, final_fit=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Run the backtest once: its home folder, and what it found."""
    home = tmp_path_factory.mktemp("backtest") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWATCH_HOME", str(home))
        yield home, backtest(SINE, FORECASTER, FOLDS, ["straight: model=linear"]).summary


@pytest.fixture(scope="module")
def client(done):
    return mlflow.MlflowClient(f"sqlite:///{done[0]}/mlflow/mlflow.db")


@pytest.fixture(scope="module")
def children(client, done):
    parent = client.get_run(done[1].run_id)
    found = client.search_runs(
        [parent.info.experiment_id],
        f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'",
        order_by=["attributes.start_time ASC"],
    )
    return {run.info.run_name: run for run in found}


def test_backtest_logs_a_parent_with_a_child_for_each_fold_and_variant(client, done, children):
    parent = client.get_run(done[1].run_id)
    assert client.get_experiment(parent.info.experiment_id).name == "waves/backtest"
    assert list(children) == [
        "fold 1 base",
        "fold 1 straight",
        "fold 2 base",
        "fold 2 straight",
        "final fit",
    ]
    assert {run.info.status for run in (parent, *children.values())} == {"FINISHED"}
    # 30 steps hold 28 windows of 3 targets, of 2 series; 2 folds.
    assert children["fold 2 straight"].data.metrics["test_windows"] == 56
    assert children["fold 2 straight"].data.tags["variant"] == "straight"
    for name in ("base", "straight"):
        assert parent.data.metrics[f"{name}.test_windows"] == 112
        assert 0 <= parent.data.metrics[f"{name}.dm_p_vs_last_value"] <= 1
    halves = [children[f"fold {fold} base"].data.metrics["mae"] for fold in (1, 2)]
    assert parent.data.metrics["base.mae"] == pytest.approx(sum(halves) / 2)
    assert parent.data.params["backtest.n_folds"] == "2"
    assert parent.data.tags["data.digest"]


def test_backtest_leaves_tables_and_pictures(client, done):
    run_id = done[1].run_id
    names = {f.path for f in client.list_artifacts(run_id)}
    tables = {"by_horizon.csv", "by_series.csv", "by_fold.csv", "comparison.csv", "summary.md"}
    assert tables <= names
    pictures = {f.path for f in client.list_artifacts(run_id, "figures")}
    assert pictures == {
        f"figures/{name}.png"
        for name in ("error_by_horizon", "error_by_fold", "skill_by_series", "coverage_by_step",
                     "forecast_1", "example")
    }  # fmt: skip
    folder = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="comparison.csv")
    table = pd.read_csv(folder).set_index("variant")
    assert {"base", "straight", "last_value", "drift", "seasonal_naive"} == set(table.index)
    p_values = ["p_vs_last_value", "p_vs_best_baseline", "p_vs_base"]
    assert table.loc["straight", p_values].notna().all()


def test_backtest_registers_the_final_fit_as_first_champion(client, done, children):
    champion = client.get_model_version_by_alias("waves-forecaster", "champion")
    run = children["final fit"]
    assert champion.run_id == run.info.run_id
    assert champion.tags["promotion.reason"].startswith("first model, fit on all data after a back")
    assert done[1].final.startswith("waves-forecaster v1 is champion: first model")
    for metric in ("mase", "last_value_mase", "skill_pct", "test_series"):  # a night shows them
        assert metric in run.data.metrics
    pictures = {f.path for f in client.list_artifacts(run.info.run_id, "figures")}
    assert pictures == {"figures/forecast_1.png", "figures/error_by_horizon.png"}


def test_backtest_again_registers_a_challenger(client, done, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(done[0]))
    naive = FORECASTER.model_copy(update={"model": "drift"})
    again = backtest(SINE, naive, FOLDS.model_copy(update={"n_folds": 1})).summary
    assert again.final.startswith("waves-forecaster v2 is challenger: kept as challenger, fit on")
    metrics = client.get_run(again.run_id).data.metrics
    assert metrics["dm_p_vs_drift"] == 1.0  # one variant alone: no name in front


def test_backtest_leaves_a_markdown_artifact_with_the_verdicts(done):
    with get_client(sync_client=True) as prefect:
        artifacts = prefect.read_latest_artifacts()
    text = next(a.data for a in artifacts if a.key == "backtest-waves")
    assert text.startswith("# waves: backtest of value\n")
    assert "| last value | baseline |" in text
    assert "**Final fit**: waves-forecaster" in text


def test_print_backtest_shows_every_line_and_verdict(done):
    out = io.StringIO()
    print_backtest(done[1], Console(file=out, width=200))
    said = out.getvalue()
    assert "MAE" in said  # of one or two series; the order of many is shown instead
    assert " rank " not in said
    for line in done[1].lines:
        assert line.name in said
    for verdict in done[1].verdicts:
        assert verdict.sentence in said
    assert said.index("112 windows of 2 series and 3 steps ahead") < said.index("Final fit")


def test_backtest_refuses_a_variant_before_anything_is_fetched(home):
    with pytest.raises(ConfigError, match="variant deep: layerz"):
        backtest(SINE, FORECASTER, FOLDS, ["deep: layerz=2"])
    assert not (home / "lake").exists()
