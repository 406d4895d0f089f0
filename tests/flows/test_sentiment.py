"""Documents, classifiers and daily sentiment through the flows."""

import io
import re

import mlflow
import pandas as pd
import pytest
from deltalake import DeltaTable
from prefect.client.orchestration import get_client
from rich.console import Console

from deployments.summary import print_night
from flows.ingest import ingest
from flows.nightly import nightly
from flows.train_classifier import train_classifier
from pipelines_lib.config import (
    DatasetConfig,
    DocumentsConfig,
    TokenizerConfig,
)
from pipelines_lib.errors import BundleError, ConfigError, SourceError, TrainingError
from pipelines_lib.lake import Lake, read_dataset
from pipelines_lib.tables import DOCUMENTS, POLARITIES, SENTIMENT
from tests.stories import (
    CLASSIFIER,
    FORECASTER,
    TRAINING,
    make_stories,
    market,
    reviews,
    write_stories,
)

NASTY = "<script>alert('x')</script> gains & \"soars\""


def run_nightly(dataset, **changes):
    return nightly(dataset, forecaster=FORECASTER, detect=False, classifier=CLASSIFIER, **changes)


def versions(home, name="news"):
    lake = Lake(str(home / "lake"))
    return {
        table.name: (lake.table_version(name, table), lake.count_rows(name, table, by=by).sum())
        for table, by in ((DOCUMENTS, "source"), (POLARITIES, "scorer"), (SENTIMENT, "scorer"))
    }


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """Return a home that all tests share, each with datasets of its own: MLflow is slow to make."""
    home = tmp_path_factory.mktemp("texts") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWATCH_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def first_night(home):
    """Run the first night once: the home folder, and what it said."""
    return home, run_nightly(market())


def test_nightly_scores_documents_before_it_forecasts(first_night):
    home, night = first_night
    lake = Lake(str(home / "lake"))
    said = lake.read_rows("news", POLARITIES)
    assert len(said) == len(lake.read_rows("news", DOCUMENTS)) == 400
    assert set(said["scorer"]) == {"news-classifier"}
    assert said["polarity"].between(-1, 1).all()
    assert len(lake.read_rows("news", SENTIMENT)) > 100
    assert [model.task for model in night.models] == ["classify", "forecast"]
    assert night.n_forecast_series == 3  # its features have the mood of the documents
    assert night.texts.scored == sum(night.texts.classes.values()) == 400
    assert {"documents", "train classifier", "sentiment"} <= set(night.seconds)


def test_nightly_reports_movers_and_the_words_that_decided(first_night):
    home, night = first_night
    page = (home / "reports" / "news" / f"{night.newest}.html").read_text(encoding="utf-8")
    section = page[page.index("<h2>Sentiment") :]
    for mover in night.texts.movers:
        assert f"<td>{mover.series_id}</td>" in section
    assert "The words that decided" in section
    assert "Mood of the movers over the last 120 steps" in section
    with get_client(sync_client=True) as client:
        artifacts = client.read_latest_artifacts()
    told = next(a.data for a in artifacts if a.key == "night-news")
    assert "**Sentiment**: 400 documents scored tonight by news-classifier v1" in told
    assert "| series | mood at " in told
    out = io.StringIO()
    print_night(night, Console(file=out, width=200))
    assert "Mover" in out.getvalue()


def test_training_of_a_classifier_logs_what_it_is_worth(first_night):
    client = mlflow.MlflowClient(f"sqlite:///{first_night[0]}/mlflow/mlflow.db")
    champion = client.get_model_version_by_alias("news-classifier", "champion")
    run = client.get_run(champion.run_id)
    for metric in ("accuracy", "macro_f1", "ece", "ece_uncalibrated", "accuracy_baseline",
                   "mcnemar_p_vs_baseline", "skill_pct", "test_documents"):  # fmt: skip
        assert metric in run.data.metrics
    assert len(client.get_metric_history(champion.run_id, "train_loss")) == TRAINING.max_epochs
    assert run.data.params["tokenizer.vocabulary"] == "1000"
    assert run.data.tags["data.documents_version"] == "0"
    assert "first model" in run.data.tags["promotion.reason"]
    files = {f.path for f in client.list_artifacts(champion.run_id)}
    assert {"by_class.csv", "mistakes.csv", "words.html"} <= files
    figures = {f.path for f in client.list_artifacts(champion.run_id, "figures")}
    assert {f"figures/{n}.png" for n in ("losses", "confusion", "reliability")} == figures


def test_training_of_a_forecaster_says_which_sentiment_it_read(first_night):
    client = mlflow.MlflowClient(f"sqlite:///{first_night[0]}/mlflow/mlflow.db")
    champion = client.get_model_version_by_alias("news-forecaster", "champion")
    assert client.get_run(champion.run_id).data.tags["data.sentiment_version"] == "0"
    of_texts = client.get_model_version_by_alias("news-classifier", "champion")
    assert "data.sentiment_version" not in client.get_run(of_texts.run_id).data.tags


def test_nightly_twice_scores_nothing_and_says_so(first_night):
    home, _ = first_night
    before = versions(home)
    night = run_nightly(market())
    assert versions(home) == before
    said = " ".join(night.skipped)
    for expected in (
        "documents: of 400 read none is new or changed",
        "training: news-classifier has a champion, v1",
        "scoring: all documents are scored by news-classifier v1",
    ):
        assert expected in said


def test_nightly_after_a_kill_between_batches_scores_the_rest(first_night):
    home, _ = first_night
    lake = Lake(str(home / "lake"))
    told, daily = (lake.read_rows("news", table) for table in (POLARITIES, SENTIMENT))
    lost = told["document_id"].iloc[:150].tolist()
    listed = ", ".join(f"'{name}'" for name in lost)
    DeltaTable(f"{lake.uri}/news/polarities").delete(f"document_id IN ({listed})")

    night = run_nightly(market(), forecast=False)

    assert night.texts.scored == 150
    pd.testing.assert_frame_equal(lake.read_rows("news", SENTIMENT), daily)
    again = lake.read_rows("news", POLARITIES).set_index("document_id")["polarity"]
    assert (again.loc[told["document_id"]].to_numpy() - told["polarity"]).abs().max() < 1e-4


def test_training_again_makes_a_challenger_by_mcnemars_test(first_night):
    again = train_classifier(market(), CLASSIFIER)
    assert (again.version, again.alias) == ("2", "challenger")
    assert "cannot be told from the champion" in again.reason or "does not beat" in again.reason
    assert re.search(r"1 - accuracy on \d\d held-out rows .* against the champion's", again.reason)


def test_nightly_of_texts_alone_scores_only_what_is_new(home, tmp_path):
    folder = tmp_path / "stories"
    write_stories(folder, "a", make_stories(120))
    first = run_nightly(reviews(folder))
    assert (first.texts.scored, first.has_series, first.newest) == (120, False, "2024-02-20 01:00")

    write_stories(folder, "b", [("x1", "2024-02-26 01:00", "", NASTY, "AAA", "")])
    second = run_nightly(reviews(folder))

    assert (second.texts.new, second.texts.scored, second.texts.documents) == (1, 1, 121)
    assert [mover.series_id for mover in second.texts.movers] == ["AAA"]
    assert second.texts.movers[0].headlines[0][0] == NASTY
    page = (home / "reports/stories/2024-02-26T0100.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "Data quality" not in page


def test_names_are_told_apart_by_their_characters(tmp_path):
    folder = tmp_path / "names"
    folder.mkdir()
    for language, ending in (("Italian", "ini"), ("Polish", "ski"), ("Irish", "ley")):
        lines = [f"{a}{b}{c}{ending}" for a in "BCDFG" for b in "aeou" for c in "lrt"]
        (folder / f"{language}.txt").write_text("\n".join(lines), encoding="utf-8")
    dataset = DatasetConfig(
        name="names",
        kind="documents",
        documents=DocumentsConfig(
            kind="files",
            path=str(folder),
            file_format="lines",
            id_column="",
            time_column="",
            label_from_file=True,
        ),
    )
    longer = TRAINING.model_copy(update={"max_epochs": 8})
    characters = {"tokenizer": TokenizerConfig(kind="character"), "training": longer}
    small = CLASSIFIER.model_copy(update=characters)
    trained = train_classifier(dataset, small)
    assert (trained.name, trained.alias) == ("names-classifier", "champion")
    model = mlflow.pyfunc.load_model("models:/names-classifier@champion")
    made = model.predict(["Zanini", "Zanski"])
    assert list(made) == ["label", "probability", "p_Irish", "p_Italian", "p_Polish"]
    assert made["label"].tolist() == ["Italian", "Polish"]


def test_ingest_of_texts_alone_declares_the_dataset(home, tmp_path):
    write_stories(tmp_path / "stories", "a", make_stories(30))
    done = ingest(reviews(tmp_path / "stories", "told"))
    assert (done.report.new, done.report.quarantined) == (30, 0)
    assert read_dataset(Lake(str(home / "lake")), "told").kind == "documents"


def test_ingest_of_series_and_texts_tells_of_both():
    done = ingest(market("both", n_documents=50))
    assert done.report.observations.inserted > 800
    assert done.texts.report.new == 50


def test_nightly_without_labels_says_whose_classifier_to_name(tmp_path):
    folder = tmp_path / "stories"
    write_stories(folder, "a", [(*story[:5], "") for story in make_stories(30)])
    with pytest.raises(TrainingError, match=r"no document has a label: .* documents\.classifier"):
        run_nightly(reviews(folder, "bare"))
    with pytest.raises(BundleError, match=r"nobody-classifier has no champion .* train-classifier"):
        run_nightly(reviews(folder, "bare", classifier="nobody"))


def test_nightly_refuses_features_of_sentiment_where_nothing_was_scored():
    with pytest.raises(ConfigError, match="'sentiment_mood' needs the sentiment of documents"):
        run_nightly(market("unscored", n_documents=50), sentiment=False)


def test_train_classifier_names_a_column_that_is_not_there(tmp_path):
    write_stories(tmp_path / "stories", "a", make_stories(30))
    with pytest.raises(SourceError, match=r"body.*documents\.text_column"):
        train_classifier(reviews(tmp_path / "stories", "wrong", text_column="body"), CLASSIFIER)
