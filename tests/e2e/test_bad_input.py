"""A user's mistake gets a sentence with the thing and the remedy, exit code 1, no stack trace."""

import pytest

pytestmark = pytest.mark.e2e


def refused(ended, *words):
    assert ended.returncode == 1, ended.stdout
    said = ended.stderr.strip().splitlines()[-1]
    assert said.startswith("tidewatch: ")
    for word in words:
        assert word in said
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nope"], ["'nope'", "krx-kospi"]),
        (["run", "demo", "--set", "horizon"], ["'horizon'", "name=value"]),
        (["run", "demo", "--set", "colour=red"], ["colour", "no such parameter"]),
        (["run", "demo", "--set", "hidden=8"], ["forecaster.hidden", "detector.hidden"]),
        (["run", "demo", "--set", "forecaster.hidden=many"], ["forecaster.hidden", "'many'"]),
        (["run", "demo", "--set", "horizon=0"], ["horizon", "greater than or equal to 1"]),
        (["run", "demo", "--set", "start=2024-02-01", "--set", "end=2024-01-01"], ["swap"]),
        (["run", "models", "--set", "window=sliding"], ["'sliding'", "train_steps"]),
        (["run", "models", "--set", "variants=a: layerz=2"], ["variant a", "did you mean layers?"]),
        (["run", "models-search", "--set", "space=hidden=9..3"], ["'hidden=9..3'", "below 3"]),
        (["page", "grafana"], ["'grafana'", "prefect and mlflow"]),
    ],
)
def test_a_mistake_is_refused_before_anything_runs(tidewatch, arguments, words):
    ended = tidewatch(*arguments)
    refused(ended, *words)
    assert len(ended.stderr.strip().splitlines()) == 1  # and nothing besides


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["source.kind=files", "source.path=nowhere/at/all.csv"], ["nowhere/at/all.csv"]),
        (["forecaster.features=colour"], ["'colour'", "close_return"]),
    ],
)
def test_a_mistake_found_at_work_is_one_sentence(tidewatch, overrides, words):
    arguments = [part for override in overrides for part in ("--set", override)]
    refused(tidewatch("run", "demo", *arguments), *words)


def test_a_wrong_setting_is_named(tidewatch):
    refused(tidewatch("models", TIDEWATCH_DEVICE="gpu"), "TIDEWATCH_DEVICE", "'gpu'")
