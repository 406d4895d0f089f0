"""Daily sentiment on the rows of a panel, and what reads it from the lake."""

import numpy as np
import pyarrow as pa
import pytest

from pipelines_lib.anomaly.injection import take_series
from pipelines_lib.errors import ConfigError
from pipelines_lib.forecasting.selection import cut_panel
from pipelines_lib.series.features import feature_names, make_features
from pipelines_lib.series.read import panel_digest, read_panel
from pipelines_lib.series.sentiment import COVARIATES, make_covariates, scorer_name
from pipelines_lib.tables import observations_table
from tests.documents import documents, store_and_score

# Sessions from Monday 2024-03-11 on; Seoul closes at 15:30.
ROWS = documents(
    ("d1", "2024-03-08 18:00+09:00", "A", "0.8"),  # Friday evening: Monday
    ("d2", "2024-03-13 09:00+09:00", "A,B", "0.5"),  # Wednesday
    ("d3", "2024-03-13 10:00+09:00", "A", "-0.1"),
    ("d4", "2024-03-13 15:31+09:00", "Z", "1.0"),  # of a series that is not there
)
EXPECTED = {  # half-life 1: Monday to Friday of A, then of B
    "sentiment": [0.8, 0, 0.2, 0, 0, 0, 0, 0.5, 0, 0],
    "sentiment_count": np.log([2, 1, 3, 1, 1, 1, 1, 2, 1, 1]),
    "sentiment_dispersion": [0, 0, 0.3, 0, 0, 0, 0, 0, 0, 0],
    "sentiment_mood": [0.8, 0.4, 0.6, 0.3, 0.15, 0, 0, 0.5, 0.25, 0.125],
}


@pytest.fixture
def dataset(bars_dataset):
    return bars_dataset(documents={"kind": "synthetic", "halflife_steps": 1})


@pytest.fixture
def prices(lake, dataset, make_bars):
    """Return a lake with the bars of one week, of A and B."""
    bars = make_bars(["A", "B"], 5, start="2024-03-11")
    lake.merge_rows("prices", observations_table(dataset.columns), bars)
    return lake


@pytest.fixture
def panel(prices, dataset):
    store_and_score(prices, dataset, ROWS)
    return read_panel(prices, dataset)[0]


def test_read_panel_lays_sentiment_out_on_every_row(panel):
    assert list(panel.covariates) == list(COVARIATES)
    for name, expected in EXPECTED.items():
        np.testing.assert_allclose(panel.covariates[name], expected, atol=1e-12, err_msg=name)


def test_read_panel_gives_sentiment_to_a_step_that_was_not_observed(
    lake, dataset, make_bars, krx_sessions
):
    bars = make_bars(["A"], 5, start="2024-03-11")
    bars = bars[bars["time"] != krx_sessions(3, "2024-03-11")[2]]
    lake.merge_rows("prices", observations_table(dataset.columns), bars)
    store_and_score(lake, dataset, ROWS)
    panel, _ = read_panel(lake, dataset)
    assert np.isnan(panel.values[2]).all()
    assert panel.covariates["sentiment"].tolist() == [0.8, 0, 0.2, 0, 0]


def test_read_panel_begins_with_the_mood_of_earlier_documents(prices, dataset):
    rows = documents(("d0", "2024-03-07 10:00+09:00", "B", "-0.4"))  # Thursday
    store_and_score(prices, dataset, rows)
    panel, _ = read_panel(prices, dataset, series_ids=["B"])
    mood = panel.covariates["sentiment_mood"]
    np.testing.assert_allclose(mood, [-0.1, -0.05, -0.025, -0.0125, -0.00625], atol=1e-12)
    assert not panel.covariates["sentiment"].any()


def test_read_panel_of_series_without_documents_has_none_that_count(prices, dataset):
    store_and_score(prices, dataset, documents(("d1", "2024-03-13 09:00+09:00", "Z", "0.8")))
    panel, _ = read_panel(prices, dataset)
    assert not make_features(panel, list(COVARIATES)).any()


def test_make_covariates_hands_no_mood_on_to_the_next_series(make_day_panel):
    panel = make_day_panel({"A": {"close": [1.0, 2.0]}, "B": {"close": [1.0, 2.0]}})
    daily = pa.table(
        {
            "series_id": ["A"],
            "time": pa.array(np.array(["1970-01-02"], dtype="datetime64[us]")),
            "documents": [1],
            "mean": [0.5],
            "dispersion": [0.0],
            "mood": [0.5],
        }
    )
    made = make_covariates(daily, panel, halflife_steps=1000.0)
    assert made["sentiment_mood"].tolist() == [0.0, 0.5, 0.0, 0.0]


def test_make_features_of_documents_are_the_covariates(panel):
    made = make_features(panel, ["sentiment_mood", "close", "sentiment"])
    np.testing.assert_allclose(made[:, 0], EXPECTED["sentiment_mood"], atol=1e-12)
    np.testing.assert_allclose(made[:, 2], EXPECTED["sentiment"], atol=1e-12)
    assert made[:, 1].tolist() == panel.column("close").tolist()


@pytest.mark.parametrize("has_documents", [True, False])
def test_feature_names_refuse_sentiment_where_nothing_was_scored(
    prices, dataset, bars_dataset, has_documents
):
    panel, _ = read_panel(prices, dataset if has_documents else bars_dataset())
    assert not panel.covariates
    with pytest.raises(
        ConfigError, match=r"'sentiment_mood' needs the sentiment of documents.*score"
    ):
        feature_names(["close", "sentiment_mood"], panel)


def test_read_panel_takes_the_scorer_that_the_declaration_names(prices, dataset, bars_dataset):
    store_and_score(prices, dataset, ROWS)
    other = bars_dataset(documents={"kind": "synthetic", "classifier": "reviews"})
    assert (scorer_name(dataset), scorer_name(other)) == (
        "prices-classifier",
        "reviews-classifier",
    )
    assert not read_panel(prices, other)[0].covariates


def test_panel_digest_changes_with_the_sentiment(prices, dataset, bars_dataset):
    without = panel_digest(read_panel(prices, bars_dataset())[0])
    assert panel_digest(read_panel(prices, dataset)[0]) == without  # nothing is scored yet
    store_and_score(prices, dataset, ROWS)
    scored = panel_digest(read_panel(prices, dataset)[0])
    store_and_score(prices, dataset, documents(("d5", "2024-03-14 09:00+09:00", "B", "0.1")))
    later = panel_digest(read_panel(prices, dataset)[0])
    assert len({without, scored, later}) == 3


def test_a_part_of_a_panel_keeps_its_sentiment(panel):
    mood = panel.covariates["sentiment_mood"]
    second = take_series(panel, np.array([1]))
    assert second.covariates["sentiment_mood"].tolist() == mood[5:].tolist()
    cut = cut_panel(panel, int(panel.position[2]))
    assert cut.covariates["sentiment_mood"].tolist() == mood[[0, 1, 2, 5, 6, 7]].tolist()
