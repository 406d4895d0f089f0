"""A night's scoring: what is due, what is written, what a kill leaves."""

import numpy as np
import pytest

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.sentiment.documents import Texts
from pipelines_lib.sentiment.fit import fit_classifier
from pipelines_lib.sentiment.nightly import score_documents, update_sentiment
from pipelines_lib.tables import DOCUMENTS, POLARITIES, SENTIMENT
from tests.documents import CPU, MODEL, ReadsNumbers, documents, store_and_score

MORNING = "2024-03-13 09:00+09:00"
FIVE = [(f"d{i}", f"2024-03-13 0{i}:00+09:00", "A", f"up {i / 10}") for i in range(1, 6)]


@pytest.fixture
def dataset(bars_dataset):
    return bars_dataset(documents={"kind": "synthetic", "halflife_steps": 1})


@pytest.fixture
def prices(lake):
    lake.merge_rows("prices", DOCUMENTS, documents(*FIVE))
    return lake


def read_polarities(lake, **more):
    return lake.read_rows("prices", POLARITIES, **more)


def test_score_documents_writes_what_the_classifier_says(prices):
    rows = documents(("d1", MORNING, "A,B", "very bad -0.5")).assign(title="A falls")
    prices.merge_rows("prices", DOCUMENTS, rows)
    reader = ReadsNumbers()
    assert score_documents(prices, "prices", reader, device=CPU, **MODEL) == 5
    row = read_polarities(prices).iloc[0].to_dict()
    assert str(row.pop("time")) == "2024-03-13 00:00:00+00:00"
    assert row == {
        "document_id": "d1",
        "scorer": "prices-classifier",
        "model_version": "1",
        "series_ids": "A,B",
        "label": "negative",
        "probability": 0.8,
        "polarity": -0.5,
        "ingest_id": "i1",
        "run_id": "r1",
    }
    assert sorted(reader.read)[0] == "A falls\nvery bad -0.5"


def test_score_documents_with_a_real_classifier(prices):
    """Of two classes, trained for a moment: titles are read, and polarities are its own."""
    numbers = np.arange(120)
    label = np.where(numbers % 2, "positive", "negative").astype(object)
    words = np.where(numbers % 2, "a good day ", "a bad day ").astype(object)
    texts = Texts(numbers, words + numbers.astype(str), label, np.zeros(120, "datetime64[us]"))
    config = ClassifierConfig(
        tokenizer={"kind": "character", "vocabulary": 32},
        embedding=8,
        hidden=8,
        ngrams={"longest": 3, "buckets": 1024},
        training={"max_epochs": 4, "batch_size": 16, "learning_rate": 0.02},
    )
    fitted = fit_classifier(texts, dataset_name="prices", config=config, device=CPU)
    rows = documents(("d1", MORNING, "A", "a good day"), ("d2", MORNING, "A", ""))
    rows.loc[1, "title"] = "a bad day"
    prices.merge_rows("prices", DOCUMENTS, rows)
    assert score_documents(prices, "prices", fitted.classifier, device=CPU, **MODEL) == 5
    said = read_polarities(prices)[:2]
    alone = fitted.classifier.predict_texts(["a good day", "a bad day"], device=CPU)
    assert said["label"].tolist() == ["positive", "negative"]
    np.testing.assert_allclose(said["polarity"], alone.polarity, atol=1e-4)
    np.testing.assert_allclose(said["probability"], alone.probabilities.max(axis=1), atol=1e-4)


def test_score_documents_takes_new_ones_only(prices):
    score_documents(prices, "prices", ReadsNumbers(), device=CPU, **MODEL)
    version = prices.table_version("prices", POLARITIES)
    again = ReadsNumbers()
    assert score_documents(prices, "prices", again, device=CPU, **MODEL) == 0
    assert prices.table_version("prices", POLARITIES) == version
    prices.merge_rows("prices", DOCUMENTS, documents(("d6", MORNING, "A", "0.6"), ingest_id="i2"))
    assert score_documents(prices, "prices", again, device=CPU, **MODEL) == 1
    assert again.read == ["0.6"]


@pytest.mark.parametrize(
    "changed",
    [
        ("d2", "2024-03-13 02:00+09:00", "A", "down -0.2"),
        ("d2", "2024-03-14 02:00+09:00", "A", "up 0.2"),
        ("d2", "2024-03-13 02:00+09:00", "B", "up 0.2"),
    ],
)
def test_score_documents_scores_a_changed_document_again(prices, changed):
    score_documents(prices, "prices", ReadsNumbers(), device=CPU, **MODEL)
    prices.merge_rows("prices", DOCUMENTS, documents(changed, *FIVE[2:], ingest_id="i2"))
    again = ReadsNumbers()
    assert score_documents(prices, "prices", again, device=CPU, **MODEL) == 1
    assert again.read == [changed[3]]
    row = read_polarities(prices, equal={"document_id": "d2"}).iloc[0]
    assert (row["series_ids"], row["polarity"]) == (changed[2], float(changed[3].split()[1]))
    assert str(row["time"].tz_convert("Asia/Seoul"))[:16] == changed[1][:16]
    assert score_documents(prices, "prices", again, device=CPU, **MODEL) == 0


def test_score_documents_of_a_new_version_keeps_what_the_old_one_said(prices):
    score_documents(prices, "prices", ReadsNumbers(), device=CPU, **MODEL)
    newer = MODEL | {"version": "2"}
    assert score_documents(prices, "prices", ReadsNumbers(), device=CPU, **newer) == 5
    counts = prices.count_rows("prices", POLARITIES, by="model_version")
    assert counts.to_dict() == {"1": 5, "2": 5}


def test_score_documents_goes_on_after_a_kill(prices):
    done = []
    killed, again = ReadsNumbers(dies_after=4), ReadsNumbers()
    with pytest.raises(KeyboardInterrupt):
        score_documents(
            prices, "prices", killed, device=CPU, batch_rows=2, on_batch=done.append, **MODEL
        )
    assert done == [2, 4]
    assert score_documents(prices, "prices", again, device=CPU, batch_rows=2, **MODEL) == 1
    assert sorted(killed.read + again.read) == [text for *_, text in FIVE]
    assert read_polarities(prices)["polarity"].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_score_documents_of_nothing_writes_nothing(lake):
    assert score_documents(lake, "prices", ReadsNumbers(), device=CPU, **MODEL) == 0
    assert lake.table_version("prices", POLARITIES) is None


def test_update_sentiment_writes_once(prices, dataset):
    score_documents(prices, "prices", ReadsNumbers(), device=CPU, **MODEL)
    assert update_sentiment(prices, dataset, **MODEL) == 1
    row = prices.read_rows("prices", SENTIMENT).iloc[0].to_dict()
    assert str(row.pop("time")) == "2024-03-13 00:00:00+00:00"
    dispersion = row.pop("dispersion")
    assert dispersion == pytest.approx(2**0.5 / 10, abs=1e-12)
    assert row == {
        "series_id": "A",
        "scorer": "prices-classifier",
        "documents": 5,
        "mean": 0.3,
        "mood": 1.5,
        "run_id": "r1",
        "model_version": "1",
    }
    version = prices.table_version("prices", SENTIMENT)
    assert update_sentiment(prices, dataset, **MODEL) == 0
    assert prices.table_version("prices", SENTIMENT) == version


def test_update_sentiment_moves_with_its_documents(lake, dataset):
    store_and_score(lake, dataset, documents(("d1", MORNING, "A", "0.5")))
    moved = documents(("d1", "2024-03-13 18:00+09:00", "B", "0.5"), ingest_id="i2")
    assert store_and_score(lake, dataset, moved) == 1
    rows = lake.read_rows("prices", SENTIMENT)
    assert rows["series_id"].tolist() == ["B"]
    assert str(rows["time"][0])[:10] == "2024-03-14"


def test_update_sentiment_speaks_for_one_version_of_one_scorer(prices, dataset):
    score_documents(prices, "prices", ReadsNumbers(), device=CPU, **MODEL)
    other = MODEL | {"scorer": "other-classifier"}
    score_documents(prices, "prices", ReadsNumbers(), device=CPU, **other)
    update_sentiment(prices, dataset, **MODEL)
    update_sentiment(prices, dataset, **other)
    assert update_sentiment(prices, dataset, **MODEL | {"version": "2"}) == 0  # it said nothing
    assert prices.read_rows("prices", SENTIMENT)["scorer"].tolist() == ["other-classifier"]


def test_update_sentiment_of_classes_without_polarity_writes_nothing(prices, dataset):
    names = ReadsNumbers(without_polarity=True)
    score_documents(prices, "prices", names, device=CPU, **MODEL)
    assert read_polarities(prices)["polarity"].isna().all()
    assert update_sentiment(prices, dataset, **MODEL) == 0
    assert prices.table_version("prices", SENTIMENT) is None


def test_update_sentiment_of_undated_texts_writes_nothing(prices, bars_dataset):
    undated = bars_dataset(documents={"kind": "files", "path": "x", "time_column": ""})
    score_documents(prices, "prices", ReadsNumbers(), device=CPU, **MODEL)
    assert update_sentiment(prices, undated, **MODEL) == 0
