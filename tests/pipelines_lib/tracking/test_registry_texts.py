"""A registered classifier: a list of texts or a table in, in a process of its own."""

import json
import os
import subprocess
import sys

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc import scoring_server

from pipelines_lib.predict import classify_texts
from pipelines_lib.sentiment.classifier import Classifier
from pipelines_lib.tracking import Decision, classifier_name, load_champion, register_bundle
from tests.texts import fitted_small

NAME = classifier_name("reviews")
TEXTS = ["great lovely film", "awful dull plot", "", "🙂 훌륭하다"]


@pytest.fixture(scope="module")
def served(tracker):
    """Return the registered classifier's version."""
    classifier = fitted_small().classifier
    with tracker.run("reviews", "test", name=NAME) as run:
        return register_bundle(
            run,
            NAME,
            classifier,
            decision=Decision(True, "first model"),
            example=pd.DataFrame({"text": TEXTS[:2]}),
            predict=lambda rows: classify_texts(classifier, rows),
        )


def same(made, ours):
    assert made["label"].tolist() == ours["label"].tolist()
    numbers = list(ours.columns[1:])
    assert np.allclose(made[numbers], ours[numbers], atol=1e-6)


@pytest.mark.parametrize(
    "given",
    [TEXTS, pd.DataFrame({"text": TEXTS}), pd.DataFrame({"text": TEXTS, "title": "film"})],
    ids=["list", "text", "title and text"],
)
def test_register_bundle_serves_texts_as_they_come(served, given):
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    same(model.predict(given), classify_texts(fitted_small().classifier, given))


def test_register_bundle_names_what_a_classifier_answers(served):
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    answers = model.metadata.signature.outputs.input_names()
    assert answers == ["label", "polarity", "probability", "p_negative", "p_positive"]
    assert served.version == "1"


@pytest.mark.parametrize(
    "body",
    [{"inputs": TEXTS}, {"dataframe_split": {"columns": ["text"], "data": [[t] for t in TEXTS]}}],
    ids=["inputs", "dataframe_split"],
)
def test_register_bundle_answers_json_as_mlflow_serves_it(served, body):
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    answer = scoring_server.invocations(
        json.dumps(body), "application/json", model, model.metadata.get_input_schema()
    )
    assert answer.status == 200, answer.response
    made = pd.DataFrame(json.loads(answer.response)["predictions"])
    same(made, classify_texts(fitted_small().classifier, TEXTS))


def test_register_bundle_serves_texts_in_a_fresh_process_elsewhere(served, tracker, tmp_path):
    script = """
import pickle, sys
sys.meta_path[:] = [f for f in sys.meta_path if "__editable__" not in repr(f)]
import mlflow, torch
def refuse(*_, **__): raise RuntimeError("something was unpickled")
pickle.load = pickle.loads = pickle.Unpickler = torch.load = refuse
torch.set_num_threads(1)
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
model.predict(sys.argv[3:]).to_parquet("made.parquet")
import pipelines_lib
print(pipelines_lib.__file__)
"""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSTARTUP")}
    done = subprocess.run(
        [sys.executable, "-c", script, tracker.uri, f"models:/{NAME}@champion", *TEXTS],
        cwd=tmp_path,
        env=kept,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "/artifacts/" in done.stdout.strip()  # the code that travels in the bundle
    same(
        pd.read_parquet(tmp_path / "made.parquet"), classify_texts(fitted_small().classifier, TEXTS)
    )


def test_register_bundle_pins_the_tokenizer_and_keeps_it_as_json(served, tracker):
    source = tracker.client.get_model_version(NAME, served.version).source
    place = mlflow.artifacts.download_artifacts(artifact_uri=source)
    files = {name for _, _, names in os.walk(place) for name in names}
    assert {"bundle.json", "tokenizer.json", "arrays.safetensors"} <= files
    assert not {name for name in files if name.endswith((".pkl", ".pt", ".joblib"))}
    with open(f"{place}/requirements.txt", encoding="utf-8") as requirements:
        assert "tokenizers==" in requirements.read()


def test_load_champion_loads_the_classifier(served, tracker):
    found, classifier = load_champion(tracker, NAME, Classifier.load_bundle)
    assert (found.name, classifier.classes) == (NAME, ["negative", "positive"])
