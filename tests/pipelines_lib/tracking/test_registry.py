"""The registry: bundles that serve themselves, and aliases that move as decided."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc import scoring_server
from safetensors.numpy import load_file

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.predict import example_rows, predict_rows
from pipelines_lib.tracking import (
    Decision,
    detector_name,
    find_champion,
    forecaster_name,
    list_champions,
    list_models,
    load_champion,
    register_bundle,
)

FORECASTER, DETECTOR = forecaster_name("sensors"), detector_name("sensors")
FIRST = Decision(True, "first model")
WORSE = Decision(False, "does not beat the champion")
BETTER = Decision(True, "beats champion and baseline")


@pytest.fixture(scope="module")
def register(tracker, sine_panel):
    """Return a function that registers a bundle in a run of its own."""

    def make(name, bundle, decision):
        with tracker.run("sensors", "test", name=name) as run:
            return register_bundle(
                run,
                name,
                bundle,
                decision=decision,
                example=example_rows(sine_panel, steps=25),
                predict=lambda rows: predict_rows(bundle, rows),
            )

    return make


@pytest.fixture(scope="module")
def served(register, fitted_forecaster):
    """Return the registered forecaster."""
    return register(FORECASTER, fitted_forecaster.forecaster, FIRST)


def test_list_champions_says_which_version_is_at_work_and_what_it_is_worth(served, tracker):
    tracker.client.log_metric(served.run_id, "skill_pct", 12.5)
    began = tracker.client.get_run(served.run_id).info.start_time / 1000
    [champion] = [found for found in list_champions(tracker) if found.name == FORECASTER]
    assert (champion.version, champion.run_id) == (served.version, served.run_id)
    assert champion.skill_pct == 12.5
    assert 0 <= champion.since.timestamp() - began < 60


@pytest.fixture(scope="module")
def raw(sine_rows):
    return sine_rows[["series_id", "time", "value"]].assign(
        time=sine_rows["time"].dt.tz_localize(None).astype("datetime64[ns]")
    )


def load(name):
    return mlflow.pyfunc.load_model(f"models:/{name}@champion")


def test_register_bundle_serves_our_own_forecasts(served, fitted_forecaster, raw):
    made = load(FORECASTER).predict(raw)
    ours = predict_rows(fitted_forecaster.forecaster, raw)
    pd.testing.assert_frame_equal(made, ours, check_exact=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.assign(time=rows["time"].dt.strftime("%Y-%m-%d %H:%M:%S")),
        lambda rows: rows.assign(time=rows["time"].dt.tz_localize("UTC")),
        lambda rows: rows.assign(time=rows["time"].astype("datetime64[us]")),
        lambda rows: rows.assign(value=rows["value"].round().astype("int64")),
        lambda rows: rows[["value", "time", "series_id"]].assign(note="x"),
    ],
    ids=["text times", "zoned times", "microseconds", "whole numbers", "other columns"],
)
def test_register_bundle_serves_raw_rows_as_they_come(served, fitted_forecaster, raw, change):
    rows = change(raw)
    made = load(FORECASTER).predict(rows)
    pd.testing.assert_frame_equal(
        made, predict_rows(fitted_forecaster.forecaster, rows), check_exact=True
    )


def test_register_bundle_serves_our_own_scores(register, fitted_detector, raw):
    register(DETECTOR, fitted_detector.detector, FIRST)
    made = load(DETECTOR).predict(raw)
    ours = predict_rows(fitted_detector.detector, raw)
    pd.testing.assert_frame_equal(made, ours, check_exact=True)


def test_register_bundle_serves_in_a_fresh_process_elsewhere(
    served, fitted_forecaster, raw, tracker, tmp_path
):
    raw.to_parquet(tmp_path / "rows.parquet")
    script = """
import pickle, sys
sys.meta_path[:] = [f for f in sys.meta_path if "__editable__" not in repr(f)]
import mlflow, pandas as pd, torch
def refuse(*_, **__): raise RuntimeError("something was unpickled")
pickle.load = pickle.loads = pickle.Unpickler = torch.load = refuse
torch.set_num_threads(1)
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
model.predict(pd.read_parquet("rows.parquet")).to_parquet("made.parquet")
import pipelines_lib
print(pipelines_lib.__file__)
"""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSTARTUP")}
    done = subprocess.run(
        [sys.executable, "-c", script, tracker.uri, f"models:/{FORECASTER}@champion"],
        cwd=tmp_path,
        env=kept,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "/artifacts/" in done.stdout.strip()  # the code that travels in the bundle
    made = pd.read_parquet(tmp_path / "made.parquet")
    pd.testing.assert_frame_equal(
        made, predict_rows(fitted_forecaster.forecaster, raw), check_exact=True
    )


@pytest.mark.parametrize("whole", [False, True], ids=["as stored", "whole numbers"])
def test_register_bundle_answers_json_as_mlflow_serves_it(served, fitted_forecaster, raw, whole):
    rows = raw.assign(value=raw["value"].round().astype("int64")) if whole else raw
    text = rows.assign(time=rows["time"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    model = load(FORECASTER)
    answer = scoring_server.invocations(
        json.dumps({"dataframe_split": text.to_dict("split")}),
        "application/json",
        model,
        model.metadata.get_input_schema(),
    )
    assert answer.status == 200, answer.response
    made = pd.DataFrame(json.loads(answer.response)["predictions"])
    ours = predict_rows(fitted_forecaster.forecaster, rows)
    assert made["value"].tolist() == ours["value"].tolist()
    assert made["time"].tolist() == [time.isoformat() for time in ours["time"]]


def test_register_bundle_holds_no_pickle(served, mlflow_home, tracker):
    source = tracker.client.get_model_version(FORECASTER, served.version).source
    place = Path(mlflow.artifacts.download_artifacts(artifact_uri=source))
    files = [path for path in place.rglob("*") if path.is_file()]
    assert {"bundle.json", "arrays.safetensors", "bundle_model.py"} <= {f.name for f in files}
    assert [f for f in files if f.suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib")] == []
    arrays = [f for f in files if f.suffix == ".safetensors"]
    assert all(load_file(path) for path in arrays)  # its length may begin like a pickle
    others = [f for f in files if f not in arrays]
    assert [f.name for f in others if f.read_bytes()[:1] == b"\x80" or f.suffix == ".bin"] == []
    flavor = (place / "MLmodel").read_text()
    assert "python_model:" not in flavor or "python_model.pkl" not in flavor
    requirements = (place / "requirements.txt").read_text()
    assert "torch==" in requirements
    assert "+cpu" not in requirements


def test_register_bundle_needs_a_column_of_the_signature(served, raw):
    with pytest.raises(mlflow.exceptions.MlflowException, match="value"):
        load(FORECASTER).predict(raw.drop(columns=["value"]))


def test_register_bundle_tags_run_and_version(served, tracker):
    tags = tracker.client.get_run(served.run_id).data.tags
    assert tags["model.name"] == FORECASTER
    assert tags["model.version"] == served.version
    assert (tags["promotion"], tags["promotion.reason"]) == ("champion", "first model")
    version = tracker.client.get_model_version(FORECASTER, served.version)
    assert version.tags["promotion.reason"] == "first model"
    assert version.run_id == served.run_id
    assert tracker.client.get_run(served.run_id).info.status == "FINISHED"


def test_find_champion_finds_none_of_an_unknown_name(tracker):
    assert find_champion(tracker, "nobody-forecaster") is None
    assert load_champion(tracker, "nobody-forecaster", Forecaster.load_bundle) is None


def test_find_champion_finds_none_without_the_alias(tracker, served):
    tracker.client.create_registered_model("orphan-forecaster")
    try:
        assert find_champion(tracker, "orphan-forecaster") is None
    finally:
        tracker.client.delete_registered_model("orphan-forecaster")


def test_load_champion_loads_the_bundle(tracker, served, fitted_forecaster, sine_panel):
    found, forecaster = load_champion(tracker, FORECASTER, Forecaster.load_bundle)
    assert (found.name, found.aliases) == (FORECASTER, ("champion",))
    pd.testing.assert_frame_equal(
        forecaster.forecast_next(sine_panel)[0],
        fitted_forecaster.forecaster.forecast_next(sine_panel)[0],
        check_exact=True,
    )


def test_aliases_move_as_decided(tracker, register, fitted_detector):
    """First is champion, a worse one challenger, a better one champion and the challenger gone."""
    name, detector = "moves-detector", fitted_detector.detector

    def aliases():
        return dict(tracker.client.get_registered_model(name).aliases)

    def as_int(found):
        return {alias: int(version) for alias, version in found.items()}

    first = register(name, detector, FIRST)
    assert (first.aliases, first.version) == (("champion",), "1")
    assert as_int(aliases()) == {"champion": 1}

    worse = register(name, detector, WORSE)
    assert worse.aliases == ("challenger",)
    assert as_int(aliases()) == {"champion": 1, "challenger": 2}
    assert find_champion(tracker, name).version == "1"

    better = register(name, detector, BETTER)
    assert (better.version, better.aliases) == ("3", ("champion",))
    assert as_int(aliases()) == {"champion": 3}

    listed = [m for m in list_models(tracker) if m.name == name]
    assert [(m.version, m.aliases, m.reason) for m in listed] == [
        ("3", ("champion",), BETTER.reason),
        ("2", (), WORSE.reason),
        ("1", (), FIRST.reason),
    ]

    tracker.client.set_registered_model_alias(name, "champion", "1")  # rolling back: one alias
    found, loaded = load_champion(tracker, name, Detector.load_bundle)
    assert (found.version, found.run_id) == ("1", first.run_id)
    assert loaded.weights == detector.weights
    assert np.array_equal(loaded.calibration.score, detector.calibration.score)


def test_list_models_sorts_by_name(tracker, served, register):
    names = [model.name for model in list_models(tracker)]
    assert names == sorted(names)
    assert FORECASTER in names


def test_bundle_card_is_plain_json(served, tracker):
    place = mlflow.artifacts.download_artifacts(
        artifact_uri=f"models:/{FORECASTER}/{served.version}/artifacts/bundle/bundle.json"
    )
    card = json.loads(Path(place).read_text(encoding="utf-8"))
    assert (card["kind"], card["dataset"]["unit"]) == ("forecaster", "degC")
