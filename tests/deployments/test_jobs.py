"""Every job loads and validates; overrides find their parameter."""

from datetime import date

import numpy as np
import pytest

from deployments.jobs import JOBS_FILE, Job, find_job, read_jobs, resolve_parameters
from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import ConfigError
from pipelines_lib.ingestion.document_sources import make_document_source
from pipelines_lib.settings import Settings
from pipelines_lib.sources import make_source

JOBS = read_jobs(JOBS_FILE)


@pytest.mark.parametrize("name", JOBS)
def test_job_loads_and_validates(name):
    job = JOBS[name]
    assert resolve_parameters(job)
    assert job.description
    for schedule in job.schedules:
        assert schedule["timezone"]
        assert len(schedule["cron"].split()) == 5


def test_read_jobs_has_the_jobs_that_people_ask_for():
    assert {"demo", "krx-samsung", "krx-kospi", "krx-live", "samsung-open", "sine"} <= set(JOBS)


def test_read_jobs_has_the_jobs_that_watch_for_anomalies():
    assert {"synthetic-spikes", "kospi-nightly", "server-metrics"} <= set(JOBS)
    assert JOBS["kospi-nightly"].schedules == JOBS["krx-live"].schedules
    assert JOBS["synthetic-spikes"].schedules == JOBS["server-metrics"].schedules == []


def test_read_jobs_has_the_jobs_that_read_documents():
    wanted = {"reviews-train", "names-train", "sentiment-nightly", "sentiment-ablation"}
    assert wanted <= set(JOBS)
    assert JOBS["sentiment-nightly"].schedules == JOBS["krx-live"].schedules
    for name in ("sentiment-nightly", "sentiment-ablation"):  # no network, no file
        dataset = DatasetConfig(**JOBS[name].parameters["dataset"])
        assert (dataset.source.kind, dataset.documents.kind) == ("synthetic-market", "synthetic")


@pytest.mark.parametrize(
    ("name", "label"), [("reviews-train", "0"), ("names-train", "Korean")], ids=str
)
def test_jobs_of_documents_find_labels_in_their_files(shared_data, name, label):
    declared = JOBS[name].parameters["dataset"]
    path = shared_data / declared["documents"]["path"].removeprefix("../shared/data/")
    if not path.exists():
        pytest.skip(f"no documents at {path}")
    documents = declared["documents"] | {"path": str(path)}
    source = make_document_source(DatasetConfig(**(declared | {"documents": documents})))
    part = next(p for p in source.list_parts() if label == "0" or p.startswith(label))
    assert label in set(next(iter(source.read_part(part))).rows["label"])


def test_job_synthetic_spikes_has_its_anomalies_at_the_hundreds_that_are_even():
    dataset = DatasetConfig(**JOBS["synthetic-spikes"].parameters["dataset"])
    fetched = make_source(dataset, Settings()).fetch_rows({"sin": None}, end=None)
    assert len(fetched.rows) == 1000
    labelled = fetched.rows["time"].isin(fetched.labels["time"]).to_numpy()
    assert labelled.nonzero()[0].tolist() == [200, 400, 600, 800]


def test_job_server_metrics_watches_every_column_of_its_file(shared_data):
    declared = JOBS["server-metrics"].parameters["dataset"]
    path = shared_data / "smd/machine-1-6.npz"
    if not path.exists():
        pytest.skip(f"no server metrics at {path}")
    source = declared["source"] | {"path": str(path)}
    dataset = DatasetConfig(**(declared | {"source": source}))
    fetched = make_source(dataset, Settings()).fetch_rows({"machine-1-6": None}, end=None)
    with np.load(path, allow_pickle=False) as arrays:
        assert len(dataset.columns) == arrays["train"].shape[1]
        assert len(fetched.labels) == arrays["test_label"].sum() > 0


def test_read_jobs_refuses_a_name_twice(tmp_path):
    path = tmp_path / "prefect.yaml"
    entry = "  - {name: a, entrypoint: 'flows/ingest.py:ingest'}\n"
    path.write_text("deployments:\n" + entry + entry, encoding="utf-8")
    with pytest.raises(ConfigError, match="holds the job a twice"):
        read_jobs(path)


def test_read_jobs_of_no_list_says_what_to_do(tmp_path):
    path = tmp_path / "prefect.yaml"
    path.write_text("jobs: []", encoding="utf-8")
    with pytest.raises(ConfigError, match="no list of deployments"):
        read_jobs(path)


def test_find_job_names_the_jobs_there_are():
    with pytest.raises(ConfigError, match="samsung-open"):
        find_job("samsung-close")


def test_resolve_parameters_overrides_by_path_and_by_unique_end():
    resolved = resolve_parameters(
        find_job("krx-live"),
        [
            "series_ids=005930, 000660",
            "forecaster.training.max_epochs=5",
            "dataset.end=2024-05-31",
            "detect=false",
        ],
    )
    assert resolved["dataset"].series_ids == ["005930", "000660"]
    assert resolved["dataset"].end == date(2024, 5, 31)
    assert resolved["forecaster"].training.max_epochs == 5
    assert resolved["detector"] == resolve_parameters(find_job("krx-live"))["detector"]
    assert resolved["detect"] is False


def test_resolve_parameters_empties_an_optional_value_and_a_list():
    resolved = resolve_parameters(find_job("krx-live"), ["start=", "series_ids="])
    assert resolved["dataset"].start is None
    assert resolved["dataset"].series_ids == []


def test_resolve_parameters_leaves_the_job_as_it_was():
    job = find_job("krx-live")
    resolve_parameters(job, ["series_ids=AAA"])
    assert find_job("krx-live") == job
    assert job.parameters["dataset"]["series_ids"] == ["005930", "000660", "035420"]


def test_resolve_parameters_names_the_field_of_a_refused_value():
    job = Job("x", "flows/ingest.py:ingest", parameters={"dataset": {"name": "Not A Name"}})
    with pytest.raises(ConfigError, match=r"job x: dataset\.name: .* \(got 'Not A Name'\)"):
        resolve_parameters(job)


def test_resolve_parameters_refuses_an_unknown_key_in_the_file():
    job = Job("x", "flows/ingest.py:ingest", parameters={"dataset": {"name": "a", "colour": 1}})
    with pytest.raises(ConfigError, match=r"dataset\.colour"):
        resolve_parameters(job)


@pytest.mark.parametrize(
    ("name", "override", "sentence"),
    [
        ("models", "variants=a: layerz=2", "job models: variant a: layerz: there is no such"),
        ("models-search", "space=hidden=9..3", "job models-search: space entry 'hidden=9..3': 9 "),
        (
            "sentiment-ablation",
            "sentiment_features=volatility",
            "job sentiment-ablation: sentiment_features has volatility: name some",
        ),
        ("models-search", "model=drift", "job models-search: forecaster.model drift has nothing"),
    ],
)
def test_resolve_parameters_refuses_what_a_flow_would_refuse_later(name, override, sentence):
    with pytest.raises(ConfigError, match=sentence):
        resolve_parameters(find_job(name), [override])


def test_resolve_parameters_refuses_to_train_a_classifier_of_no_documents():
    entrypoint = "flows/train_classifier.py:train_classifier"
    job = Job("x", entrypoint, parameters={"dataset": {"name": "prices"}})
    sentence = r"job x: dataset prices has documents\.kind=none: name where its texts are"
    with pytest.raises(ConfigError, match=sentence):
        resolve_parameters(job)


def test_help_comes_without_the_heavy_imports(run_python):
    loaded = run_python(
        "import sys, deployments.cli; "
        "print([m for m in ('torch', 'pandas', 'mlflow', 'prefect', 'rich.table') "
        "if m in sys.modules])"
    )
    assert loaded == "[]"


def test_flows_load_without_torch_and_mlflow(run_python):
    loaded = run_python(
        "import sys, flows.nightly, flows.search, flows.maintain, flows.train_detector, "
        "flows.ablation, flows.train_classifier; "
        "print([m for m in ('torch', 'mlflow', 'deltalake', 'optuna') if m in sys.modules])"
    )
    assert loaded == "[]"
