"""The page: one file that needs nothing else, whatever the series are called."""

import re
from html.parser import HTMLParser

import pytest

from pipelines_lib.reports.event_lines import EventLine
from pipelines_lib.reports.html import Picture, Section, render_html
from pipelines_lib.reports.sentiment_lines import MoverLine, TextNews
from pipelines_lib.reports.summary import ForecastLine, RuleLine
from pipelines_lib.reports.words import ShadedText

PICTURE = Picture("data:image/png;base64,iVBORw0KGgo=", "005930: forecast from 2024-02-08")
NASTY = "<script>alert('x')</script> & \"co\""


class Page(HTMLParser):
    """Notes every tag, its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def render(night):
    def make(
        sections=(Section("Pictures", [PICTURE]),), event_pictures=(), moods=(), shaded=(), **fields
    ):
        text = render_html(
            night(**fields),
            list(sections),
            events=event_pictures,
            moods=moods,
            shaded=shaded,
            made_at="2024-02-08 16:00 UTC",
        )
        return text, Page(text)

    return make


@pytest.mark.parametrize(
    "said",
    [
        "prices: night of 2024-02-08",
        "8 series, 123,456 rows in the lake",
        "+9.7 %",
        "skill of the forecast model: better than last value",
        "prices-forecaster v3",
        "beats champion and baseline",
        "training: the champion is young",
        "74,100",
        "71,000 to 79,000",
        "Earlier forecasts that came true since: 35",
        "000660",
        "e1a2b3c4d5",
        "volume_change",
        "forecast, shift",
        "4.25",
        "0.0004",
        "open",
        "alert",
        "1new events tonight, 1 of them alerts; 11 in all",
        "tidewatch label prices EVENT true|false",
        "halted 12",
        "6 series asked for, 942 were up to date",
        "5histories restated, 1,240 forecasts and scores stale",
        "put off",
        "035420 2024-02-08",
        "warned of",
        "004410: not traded since 2023-11-01",
        "18 series, 2 of them since tonight",
        "2 of 6 series came without 2024-02-08",
        "price_order 4, duplicate 1",
        "the source has no rows",
        "only 3 steps",
        "MLflow run abc123",
        "ingest 1.2, forecast 0.5",
        "Made 2024-02-08 16:00 UTC",
        "005930: forecast from 2024-02-08",
    ],
)
def test_render_html_says_what_the_night_says(render, said):
    assert said in re.sub(r"\s+", " ", render()[1].text)


def test_render_html_closes_what_it_opens(render):
    assert render()[1].open == []


def test_render_html_needs_no_other_file(render):
    text, page = render()
    references = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "poster", "data", "action")
    ]
    assert references == [PICTURE.source]
    assert not re.search(r"url\(|@import|https?://", text)
    assert "script" not in {tag for tag, _ in page.tags}


def test_render_html_shows_the_pictures_of_events_above_their_table(render):
    picture = Picture("data:image/png;base64,ZXZlbnQ=", "005930 fell; e1a2b3c4d5")
    text, _ = render([], event_pictures=[picture])
    heading, picture, words = (
        text.index(part) for part in ("<h2>Events", "ZXZlbnQ=", "<figcaption>005930 fell")
    )
    assert heading < picture < words < text.index("<th>event</th>")


def test_render_html_escapes_names_and_reasons(render):
    forecast = ForecastLine(NASTY, "t", 1.0, ["t"], [1.0], [0.5], [1.5])
    event = EventLine(NASTY, NASTY, "a", "b", 1, 2.0, 0.1, NASTY, NASTY, "open", NASTY, "", True)
    sections = [Section(NASTY, [Picture(PICTURE.source, NASTY)])]
    text, page = render(
        sections,
        forecasts=[forecast],
        events=[event],
        failures={NASTY: NASTY},
        left_out={"other": NASTY},
        skipped=[NASTY],
        unit=NASTY,
        quarantined={NASTY: 1},
        rules=[RuleLine("halted", "repair", 1, "why", NASTY)],
        died={NASTY: NASTY},
        warnings=[NASTY],
    )
    assert "<script" not in text
    assert page.text.count(NASTY) >= 17
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert images == [{"src": PICTURE.source, "alt": NASTY}]


def test_render_html_leaves_out_what_there_is_not(render):
    _, page = render(
        [Section("Empty", [])], models=[], forecasts=[], n_events=0, events=[], realised=None,
        failures={}, left_out={}, seconds={}, repaired={}, quarantined={}, rules=[], restated=[],
        n_restated=0, n_stale=0, died={}, revived=[], n_dead=0, warnings=[], up_to_date=0,
    )  # fmt: skip
    assert [tag for tag, _ in page.tags if tag in ("table", "img", "figure", "dl")] == []
    assert "Empty" not in page.text
    assert "Repaired rows by rule: none." in page.text


def make_news(text="profit soars", **fields):
    movers = [MoverLine(text, 1.5, 0.8, 2, [(text, 0.93), ("so so", 0.02), ("down", -0.4)])]
    said = {"read": 30, "new": 12, "scorer": "prices-classifier v3", "scored": 12}
    return TextNews(2000, "2024-02-08", step="2024-02-08", movers=movers, **{**said, **fields})


def test_render_html_shows_movers_moods_and_the_words_that_decided(render):
    shaded = [ShadedText([("profit", 0.1), ("soars", 0.65)], " ", "+0.93")]
    text, page = render(
        texts=make_news(classes={"negative": 900, "positive": 1100}, failures={"b.csv": "empty"}),
        moods=[PICTURE],
        shaded=shaded,
    )
    said = re.sub(r"\s+", " ", page.text)
    for expected in (
        "123,456 rows in the lake; 6 series asked for, 942 were up to date; 2,000 documents",
        "12documents new or changed of 30 read, 12 scored",
        "12 documents scored tonight by prices-classifier v3; of 2,000 it has scored: negative 900",
        "mood at 2024-02-08",
        "+0.93 profit soars",
        "b.csv",
    ):
        assert expected in said
    assert '<span class="soft">+0.02</span>' in text
    assert '<span class="down">-0.40</span>' in text
    assert '<i style="background: rgba(11,111,164,0.65)">soars</i>' in text
    assert page.open == []


def test_render_html_escapes_what_documents_say(render):
    shaded = [ShadedText([(NASTY, 0.5)], " ", NASTY, "negative", NASTY)]
    text, page = render(
        [],
        texts=make_news(NASTY, failures={NASTY: NASTY}, classes={NASTY: 1}, scorer=NASTY),
        shaded=shaded,
    )
    assert "<script" not in text
    assert page.text.count(NASTY) == 9
    assert page.open == []


def test_render_html_of_texts_alone_has_nothing_of_series(render):
    _, page = render(
        has_series=False, texts=make_news(), models=[], forecasts=[], n_events=0, realised=None
    )
    assert "2,000 documents in the lake" in page.text
    assert "Data quality" not in page.text
    assert "series forecast" not in page.text


def test_render_html_without_documents_does_not_speak_of_them(render):
    assert "ocuments" not in render()[1].text
    assert "Sentiment" not in render()[1].text
