"""The page: one file that needs nothing else, whatever the series are called."""

import re
from html.parser import HTMLParser

import pytest

from pipelines_lib.reports.event_lines import EventLine
from pipelines_lib.reports.html import Picture, Section, render_html
from pipelines_lib.reports.summary import ForecastLine, RuleLine

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
    def make(sections=(Section("Pictures", [PICTURE]),), event_pictures=(), **fields):
        text = render_html(
            night(**fields),
            list(sections),
            events=event_pictures,
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
