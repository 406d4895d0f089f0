"""What a night's report has to say of documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.context import Context
from tasks.documents import IngestedTexts
from tasks.sentiment import Scored

if TYPE_CHECKING:
    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.reports.html import Picture
    from pipelines_lib.reports.sentiment_lines import TextNews
    from pipelines_lib.reports.words import ShadedText


@dataclass(frozen=True)
class TextPage:
    """The words, pictures and shaded texts of a night."""

    news: "TextNews"
    moods: Sequence["Picture"] = ()
    shaded: Sequence["ShadedText"] = ()


def gather_texts(
    context: Context,
    declared: "DatasetConfig",
    texts: IngestedTexts | None,
    scored: Scored | None,
) -> TextPage | None:
    """Gather what the lake holds of a dataset's documents; None: it has none."""
    from pipelines_lib.reports.night_sentiment import (
        draw_moods,
        strongest_headlines,
        summarise_texts,
    )
    from pipelines_lib.reports.words import shade_headlines
    from pipelines_lib.sentiment.classifier import Classifier
    from pipelines_lib.tracking import load_champion

    if texts is None:
        return None
    news, movers = summarise_texts(
        context.lake,
        declared,
        ingested=texts.report,
        scorer=scored.model if scored else "",
        version=scored.version if scored else "",
        scored=scored.documents if scored else 0,
        classes=scored.classes if scored else {},
        at=datetime.now(UTC),
    )
    if scored is None or movers.empty:
        return TextPage(news)
    moods = draw_moods(context.lake, declared, movers, scorer=scored.model)
    champion = load_champion(context.tracker, scored.model, Classifier.load_bundle)
    if champion is None:
        return TextPage(news, moods)
    headlines, polarity = strongest_headlines(movers)
    return TextPage(news, moods, shade_headlines(champion[1], headlines, polarity))
