"""A night's documents gathered from the lake, and how they are told."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from pipelines_lib.ingestion.document_report import DocumentsReport
from pipelines_lib.reports.night_sentiment import (
    draw_moods,
    draw_small_multiples,
    strongest_headlines,
    summarise_texts,
)
from pipelines_lib.reports.sentiment_lines import (
    MoverLine,
    TextNews,
    mover_sentence,
    scored_sentence,
    tell_movers,
    texts_sentence,
    texts_to_markdown,
)
from pipelines_lib.sentiment.movers import Headline
from tests.documents import MODEL, documents, store_and_score

NEWS = TextNews(
    documents=3000,
    newest="2024-02-08 09:00",
    read=3010,
    new=12,
    changed=1,
    quarantined_new=2,
    scorer="prices-classifier v3",
    scored=13,
    classes={"negative": 1200, "positive": 1800},
    step="2024-02-08",
    movers=[
        MoverLine("005930", 1.5, 0.8, 2, [("profit | soars\nagain", 0.93), ("up", 0.2)]),
        MoverLine("000660", -0.5, -0.7, 1, []),
    ],
)
NEWEST = datetime(2024, 2, 7, 5, 30, tzinfo=UTC)
INGESTED = DocumentsReport(
    "prices", read=4, new=4, failures={"b.csv": "it is empty"}, newest=NEWEST
)


@pytest.fixture
def prices(bars_dataset):
    return bars_dataset(documents={"kind": "synthetic"})


@pytest.fixture
def gather(lake, prices, bars_dataset):
    store_and_score(
        lake,
        prices,
        documents(
            ("a", "2024-02-05 01:00", "AAA", "old 0.5"),
            ("b", "2024-02-07 01:00", "AAA,BBB", "good 0.9"),
            ("c", "2024-02-07 02:00", "BBB", "bad -1.0"),
            ("d", "2024-02-07 02:00", "CCC", "plain -0.01"),
        ),
    )

    def make(scorer=MODEL["scorer"], ingested=INGESTED, **declared):
        return summarise_texts(
            lake,
            bars_dataset(**{"documents": {"kind": "synthetic"}, **declared}),
            ingested=ingested,
            scorer=scorer,
            version="1",
            scored=4,
            classes={"x": 4},
            at=datetime(2024, 3, 1, 20, 0, tzinfo=UTC),
        )

    return make


def test_summarise_texts_counts_and_names_the_movers(gather):
    news, movers = gather()
    assert (news.documents, news.newest, news.step) == (4, "2024-02-07 05:30", "2024-02-07")
    assert news.scorer == "prices-classifier v1"
    assert news.failures == {"b.csv": "it is empty"}
    assert [mover.series_id for mover in news.movers] == ["AAA", "CCC", "BBB"]
    rise = news.movers[0]
    assert rise.headlines == [("good 0.9", 0.9)]
    # Two sessions on, .5 is .5 * 2 ** (-2 / 5); the step before it was .5 * 2 ** (-1 / 5).
    assert rise.mood == pytest.approx(0.9 + 0.5 * 2**-0.4)
    assert rise.change == pytest.approx(rise.mood - 0.5 * 2**-0.2)
    assert len(movers) == 3


def test_summarise_texts_without_a_scorer_has_no_movers(gather):
    news, movers = gather(scorer="")
    assert (news.scorer, news.movers, news.step, len(movers)) == ("", [], "", 0)


def test_strongest_headlines_leaves_out_what_says_nothing(gather):
    assert strongest_headlines(gather()[1]) == (["bad -1.0", "good 0.9"], [-1.0, 0.9])


def test_draw_moods_draws_one_picture_of_all_movers(gather, lake, prices):
    [picture] = draw_moods(lake, prices, gather()[1], scorer=MODEL["scorer"])
    assert picture.source.startswith("data:image/png;base64,")
    assert picture.caption == "Mood of the movers over the last 120 steps, by prices-classifier"
    assert draw_moods(lake, prices, gather(scorer="")[1], scorer="") == []


@pytest.mark.parametrize("n", [1, 4, 5])
def test_draw_small_multiples_gives_each_series_a_place(n):
    time = np.datetime64("2024-01-01", "us") + np.arange(9) * np.timedelta64(1, "D")
    figure = draw_small_multiples(time, {f"S{i}": np.linspace(-1, i, 9) for i in range(n)})
    shown = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert shown == [f"S{i}" for i in range(n)]


def test_sentences_of_documents():
    assert texts_sentence(NEWS) == (
        "3,010 documents read: 12 new, 1 changed, 2 new in quarantine; 3,000 in the lake"
    )
    assert scored_sentence(NEWS) == (
        "13 documents scored tonight by prices-classifier v3; of 3,000 it has scored: "
        "negative 1,200, positive 1,800"
    )
    assert mover_sentence(NEWS.movers[0]) == (
        "mood +1.50 (+0.80), 2 documents: profit | soars again (+0.93)"
    )
    assert mover_sentence(NEWS.movers[1]) == "mood -0.50 (-0.70), 1 document"


def test_texts_to_markdown_keeps_titles_within_their_cell():
    lines = texts_to_markdown(NEWS)
    assert lines[2] == ("| 005930 | +1.50 | +0.80 | 2 | profit / soars again (+0.93); up (+0.20) |")
    assert texts_to_markdown(TextNews(1, "")) == []


def test_headline_keeps_what_the_classifier_read(gather):
    headline = gather()[1]["headlines"].iloc[0][0]
    assert headline == Headline("good 0.9", pytest.approx(0.9), "good 0.9")


def test_scored_sentence_keeps_classes_on_their_line():
    news = replace(NEWS, classes={"first\n# second": 3})
    assert scored_sentence(news).endswith("of 3 it has scored: first # second 3")


def test_tell_movers_takes_the_ends():
    movers = [MoverLine(name, 0.0, 0.0, 1, []) for name in "abcdef"]
    told = [tell_movers(replace(NEWS, movers=movers[:n])) for n in (6, 3, 0)]
    assert ["".join(mover.series_id for mover in each) for each in told] == ["abef", "abc", ""]


def test_summarise_texts_goes_by_the_lake_where_tonight_read_nothing(gather):
    assert gather(ingested=replace(INGESTED, newest=None))[0].newest == "2024-02-07 02:00"


def test_summarise_texts_without_times_goes_by_the_night(gather):
    undated = {"kind": "files", "path": "texts", "time_column": ""}
    assert gather(documents=undated)[0].newest == "2024-03-01"


def test_summarise_texts_of_an_empty_lake_has_no_date(gather):
    none = DocumentsReport("empty")
    news, _ = gather(name="empty", ingested=none)
    assert (news.documents, news.newest) == (0, "")
