"""The HTML page of a night: one self-contained file."""

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, select_autoescape

from pipelines_lib.reports.summary import (
    NightSummary,
    model_sentence,
    number,
    rule_counts,
    series_news,
)

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
    made_at: str,
) -> str:
    """Render the page of a night; the pictures of `events` stand above their table."""
    environment = Environment(
        loader=PackageLoader("pipelines_lib.reports", "."),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "rules": rule_counts, "sentence": model_sentence}
    template = environment.get_template("night.html.j2")
    news = series_news(night, limit=NAMES)
    return template.render(
        night=night, news=news, sections=sections, events=events, made_at=made_at
    )
