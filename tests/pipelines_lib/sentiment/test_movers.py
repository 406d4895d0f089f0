"""Which series moved, and by which documents."""

import pytest

from pipelines_lib.sentiment.movers import Headline, read_movers
from pipelines_lib.tables import DOCUMENTS
from tests.documents import documents, store_and_score

SCORER = "prices-classifier"
TUESDAY, WEDNESDAY = "2024-03-12 10:00+09:00", "2024-03-13 10:00+09:00"


@pytest.fixture
def dataset(bars_dataset):
    return bars_dataset(documents={"kind": "synthetic", "halflife_steps": 1})


def test_read_movers_by_hand(lake, dataset):
    rows = documents(
        ("d1", "2024-03-11 10:00+09:00", "A", "0.8"),  # Monday: 0.4 on Tuesday
        ("d2", TUESDAY, "B 1", "1.0"),
        ("d3", WEDNESDAY, "A", "first 0.5"),
        ("d4", WEDNESDAY, "A,B 1", "second -0.75"),
        ("d5", "2024-03-12 15:31+09:00", "A", "the evening before 0.25"),
        ("d6", WEDNESDAY, "C", "new 0.125"),
    )
    rows.loc[3, "title"] = "A and B fall"
    store_and_score(lake, dataset, rows)
    moved = read_movers(lake, dataset, scorer=SCORER)
    assert moved["time"].astype(str).str[:10].tolist() == ["2024-03-13"] * 3
    assert moved.drop(columns=["time", "headlines"]).to_dict("list") == {
        "series_id": ["C", "A", "B 1"],
        "mood": [0.125, 0.2, -0.25],  # 0.8 / 4 + 0; 1.0 / 2 - 0.75
        "change": [0.125, -0.2, -1.25],
        "documents": [1, 3, 1],
    }
    fall = Headline("A and B fall", -0.75, "A and B fall\nsecond -0.75")
    assert moved["headlines"].tolist() == [
        [Headline("new 0.125", 0.125, "new 0.125")],
        [fall, Headline("first 0.5", 0.5, "first 0.5")],
        [fall],
    ]


def test_read_movers_are_the_largest_rises_and_falls(lake, dataset):
    polarity = [-0.9, -0.5, -0.1, 0.2, 0.6, 0.8]
    rows = [(f"d{i}", WEDNESDAY, f"S{i}", str(p)) for i, p in enumerate(polarity)]
    store_and_score(lake, dataset, documents(*rows))
    moved = read_movers(lake, dataset, scorer=SCORER, n=2)
    assert moved["series_id"].tolist() == ["S5", "S4", "S1", "S0"]
    assert moved["change"].tolist() == [0.8, 0.6, -0.5, -0.9]


def test_read_movers_shorten_a_text_without_a_title(lake, dataset):
    text = "가나다 \n" * 60 + "0.5"
    store_and_score(lake, dataset, documents(("d1", WEDNESDAY, "A", text)))
    line = read_movers(lake, dataset, scorer=SCORER)["headlines"][0][0].text
    assert line == ("가나다 " * 60)[:120]


def test_read_movers_speak_of_the_newest_step_alone(lake, dataset):
    rows = documents(("d1", TUESDAY, "A", "0.5"), ("d2", WEDNESDAY, "B", "0.5"))
    store_and_score(lake, dataset, rows)
    assert read_movers(lake, dataset, scorer=SCORER)["series_id"].tolist() == ["B"]


def test_read_movers_of_nothing_are_none(lake, dataset):
    assert read_movers(lake, dataset, scorer=SCORER).empty
    lake.merge_rows("prices", DOCUMENTS, documents(("d1", WEDNESDAY, "A", "0.5")))
    assert read_movers(lake, dataset, scorer=SCORER).columns.tolist() == [
        "series_id", "time", "mood", "change", "documents", "headlines",
    ]  # fmt: skip


def test_read_movers_keep_a_title_to_a_short_line(lake, dataset):
    rows = documents(("d1", WEDNESDAY, "A", "0.5")).assign(title="profit\n | soars " * 40)
    store_and_score(lake, dataset, rows)
    [headline] = read_movers(lake, dataset, scorer=SCORER)["headlines"][0]
    assert headline.text == ("profit | soars " * 40)[:120]
