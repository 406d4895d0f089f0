"""The HTML page of a night: one self-contained file."""

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, select_autoescape

from pipelines_lib.reports.model_lines import model_sentence
from pipelines_lib.reports.sentiment_lines import scored_sentence, texts_sentence
from pipelines_lib.reports.summary import NightSummary, rule_counts, series_news
from pipelines_lib.reports.text import number
from pipelines_lib.reports.words import ShadedText

NAMES = 20
"""Series that one line of the page names at most."""


@dataclass(frozen=True)
class Picture:
    """A picture with the sentence below it; `source` is a data URI."""

    source: str
    caption: str


@dataclass(frozen=True)
class Section:
    """A titled group of pictures."""

    title: str
    pictures: Sequence[Picture]


def render_html(
    night: NightSummary,
    sections: Sequence[Section],
    *,
    events: Sequence[Picture] = (),
    moods: Sequence[Picture] = (),
    shaded: Sequence[ShadedText] = (),
    made_at: str,
) -> str:
    """Render the page of a night.

    Args:
        night: What there is to say.
        sections: Pictures, group by group.
        events: Pictures of events, above their table.
        moods: Pictures of sentiment, below the table of movers.
        shaded: The documents that say most, with the words that decided.
        made_at: When, as text.
    """
    environment = Environment(
        loader=PackageLoader("pipelines_lib.reports", "."),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "rules": rule_counts,
        "sentence": model_sentence,
        "texts": texts_sentence,
        "scored": scored_sentence,
    }
    template = environment.get_template("night.html.j2")
    news = series_news(night, limit=NAMES)
    return template.render(
        night=night,
        news=news,
        sections=sections,
        events=events,
        moods=moods,
        shaded=shaded,
        made_at=made_at,
    )
