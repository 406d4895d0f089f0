"""The commands of docs/forecasting.md, cut short: backtests and a search as a user runs them."""

import re

import pytest
import yaml

SHORT = ["--set", "forecaster.training.max_epochs=1"]


@pytest.mark.slow
def test_run_models_judges_the_family_side_by_side(tidewatch, tmp_path):
    ended = tidewatch("run", "models", *SHORT, "--set", "n_folds=1", COLUMNS="160")
    assert ended.returncode == 0, ended.stderr
    for name in ("base", "last-step", "attention", "linear", "convolution", "seasonal naive"):
        assert re.search(rf"^{name} ", ended.stdout, flags=re.MULTILINE), name
    assert "Judged on" in ended.stdout
    artifacts = tmp_path / "home/mlflow/artifacts/noisy-sines/backtest"
    for name in ("comparison.csv", "by_horizon.csv", "error_by_fold.png", "example.png"):
        assert next(artifacts.rglob(name)).stat().st_size > 100


@pytest.mark.slow
def test_run_models_search_stores_a_job_that_runs(tidewatch, tmp_path):
    ended = tidewatch("run", "models-search", *SHORT, "--set", "n_trials=2")
    assert ended.returncode == 0, ended.stderr
    assert "noisy-sines-best" in ended.stdout
    stored = yaml.safe_load((tmp_path / "home/jobs/noisy-sines-best.yaml").read_text())
    assert stored["parameters"]["dataset"] == "noisy-sines"
    assert "noisy-sines-best" in tidewatch("jobs").stdout
    again = tidewatch("run", "noisy-sines-best")
    assert again.returncode == 0, again.stderr
    assert "noisy-sines-forecaster" in again.stdout


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("variants=wide: hidden=0", "variant wide: hidden=0: hidden: Input should be greater"),
        ("forecaster.model=transformer", "forecaster.model: Input should be 'last_step'"),
    ],
)
def test_run_of_a_wrong_variant_says_what_is_wrong(tidewatch, override, sentence):
    ended = tidewatch("run", "models", "--set", override)
    assert ended.returncode == 1
    assert sentence in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_run_jena_temperature(tidewatch, shared_data):
    ended = tidewatch(
        *["run", "jena-temperature", *SHORT, "--set", f"source.path={shared_data}/jena"],
        *["--set", "n_folds=1", "--set", "variants="],
        COLUMNS="160",
    )
    assert ended.returncode == 0, ended.stderr
    assert "4,000 rows of 1 series fetched" in ended.stderr + ended.stdout
    assert re.search(
        r"^seasonal naive ", ended.stdout, flags=re.MULTILINE
    )  # the same time yesterday


@pytest.mark.slow
def test_run_samsung_ohlcv(tidewatch, shared_data):
    path = shared_data / "krx/005930.csv"
    ended = tidewatch("run", "samsung-ohlcv", *SHORT, "--set", f"source.path={path}")
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"samsung-ohlcv-forecaster v1: .*last value", ended.stdout)
