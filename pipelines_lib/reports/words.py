"""Texts with the words that decided, shaded by how much each weighed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape

from pipelines_lib.sentiment.classifier import Classifier
from pipelines_lib.sentiment.fit import FittedClassifier

SHOWN = 60
"""Words, or characters, of a text that are shown at most; and characters of a word."""
DARKEST = 0.65
"""Opacity of the word that weighed most."""
EXAMPLES = 8
"""Texts told right, and as many told wrong, that a training shows."""


@dataclass(frozen=True)
class ShadedText:
    """A text as pieces, each with the opacity of its shade, and what is said of the text."""

    pieces: list[tuple[str, float]]
    between: str
    """What stands between two pieces."""
    said: str
    tone: str = "positive"
    """Chooses the colour: positive or negative."""
    truth: str = ""
    cut: bool = False


def shade_text(
    words: Sequence[tuple[str, float]], *, said: str, by_character: bool, tone: str, truth: str = ""
) -> ShadedText:
    """Shade the words of a text by their weights, the heaviest darkest.

    Args:
        words: Each with its weight, in reading order.
        said: What the classifier says of the text.
        by_character: Whether the words are characters, spaces among them.
        tone: `positive` or `negative`.
        truth: The class that a person gave; empty: not told.
    """
    heaviest = max((weight for _, weight in words), default=0.0)
    pieces = [
        (_shorten(word), round(DARKEST * weight / heaviest, 2) if heaviest > 0 else 0.0)
        for word, weight in words[:SHOWN]
    ]
    return ShadedText(pieces, "" if by_character else " ", said, tone, truth, len(words) > SHOWN)


def shade_examples(fitted: FittedClassifier) -> list[ShadedText]:
    """Shade test documents: some told right as they come, and the surest that were told wrong."""
    truth, predicted = fitted.test.label, fitted.predicted
    sure = predicted.probabilities.max(axis=1)
    right = np.flatnonzero(predicted.label == truth)[:EXAMPLES]
    wrong = np.flatnonzero(predicted.label != truth)
    rows = np.concatenate((right, wrong[np.argsort(-sure[wrong], kind="stable")][:EXAMPLES]))
    words = fitted.classifier.explain_texts(list(fitted.test.text[rows]))
    return [
        shade_text(
            of_text,
            said=f"{predicted.label[row]} {sure[row]:.2f}",
            by_character=_by_character(fitted.classifier),
            tone="positive" if predicted.label[row] == truth[row] else "negative",
            truth=str(truth[row]),
        )
        for row, of_text in zip(rows, words, strict=True)
    ]


def shade_headlines(
    classifier: Classifier, texts: Sequence[str], polarity: Sequence[float]
) -> list[ShadedText]:
    """Shade documents whose polarity is known."""
    return [
        shade_text(
            words,
            said=f"{value:+.2f}",
            by_character=_by_character(classifier),
            tone="positive" if value > 0 else "negative",
        )
        for words, value in zip(classifier.explain_texts(list(texts)), polarity, strict=True)
    ]


def render_words(title: str, shaded: Sequence[ShadedText]) -> str:
    """Render a page of shaded texts that needs no second file."""
    environment = Environment(
        loader=PackageLoader("pipelines_lib.reports", "."),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("words.html.j2").render(title=title, shaded=shaded)


def _shorten(word: str) -> str:
    """Return a word as it is shown: a whole text without blanks may be one."""
    return word if len(word) <= SHOWN else f"{word[:SHOWN]}…"


def _by_character(classifier: Classifier) -> bool:
    return classifier.config.tokenizer.kind == "character"
