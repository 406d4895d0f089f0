"""The pictures, tables and words of a classifier's training run."""

from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import MaxNLocator

from pipelines_lib.reports.figures import INK, MODEL, NAIVE, draw_losses, finish, make_axes
from pipelines_lib.reports.words import render_words, shade_examples
from pipelines_lib.sentiment.calibration import bin_reliability
from pipelines_lib.sentiment.fit import FittedClassifier

MISTAKES = 50
"""Of the documents told wrong, those that are listed."""
NAMED = 40
"""Classes beyond which a picture has no numbers in its cells."""


def draw_classifier(fitted: FittedClassifier) -> dict[str, Figure]:
    """Draw the losses of each member, the confusion of classes, and how sure it may be."""
    figures = {}
    for number, member in enumerate(fitted.training, start=1):
        history = pd.DataFrame([asdict(epoch) for epoch in member.history])
        name = f"losses_{number}" if len(fitted.training) > 1 else "losses"
        figures[name] = draw_losses(history, best_epoch=member.best_epoch)
    evaluation = fitted.evaluation
    figures["confusion"] = draw_confusion(evaluation.confusion, evaluation.classes)
    right = fitted.predicted.label == fitted.test.label
    figures["reliability"] = draw_reliability(
        {
            "before calibration": fitted.uncalibrated.max(axis=1),
            "calibrated": fitted.predicted.probabilities.max(axis=1),
        },
        right,
    )
    return figures


def draw_confusion(confusion: np.ndarray, classes: list[str]) -> Figure:
    """Draw of each class (rows) the shares told to be of each class, with counts (C, C)."""
    size = float(np.clip(2.2 + 0.45 * len(classes), 3.4, 11))
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [
        name if can_be_drawn(name) else f"class {number}"
        for number, name in enumerate(classes, start=1)
    ]
    ticks = np.arange(len(classes))
    axes.set_xticks(ticks, names, rotation=90 if len(classes) > 4 else 0)
    axes.set_yticks(ticks, names)
    axes.tick_params(labelsize=8, colors=INK, length=0)
    axes.set_xlabel("told")
    axes.set_ylabel("true")
    axes.set_title("Test documents by class", loc="left", fontsize=10, color=INK)
    if len(classes) <= NAMED:
        small = 9 if len(classes) <= 6 else 6
        for row, column in np.argwhere(confusion > 0):
            colour = "white" if share[row, column] > 0.55 else INK
            text = f"{confusion[row, column]:,}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=small)
    return figure


def draw_reliability(sure: dict[str, np.ndarray], right: np.ndarray) -> Figure:
    """Draw the share told right (N,) by how sure the classifier was (N,), before and after."""
    figure, axes = make_axes("Told right, by how sure it was", "share", dates=False)
    axes.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":", label="as it should be")
    for (name, top), colour in zip(sure.items(), (NAIVE, MODEL), strict=True):
        found = bin_reliability(top, right)
        label = f"{name}, calibration error {found.error:.3f}"
        axes.plot(found.sure, found.right, color=colour, lw=1.2, label=label)
        size = 8 + 120 * found.texts / found.texts.max()
        axes.scatter(found.sure, found.right, s=size, color=colour, alpha=0.6, lw=0)
    axes.set_xlabel("probability of the class told; larger dots: more documents")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_ylim(-0.03, 1.03)
    return finish(figure)


def make_examples(fitted: FittedClassifier) -> dict[str, str]:
    """Return what a run logs as text, by file name: scores by class, mistakes, shaded words."""
    truth, predicted = fitted.test.label, fitted.predicted
    sure = predicted.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted.label != truth)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]
    mistakes = pd.DataFrame(
        {
            "document_id": fitted.test.document_id[wrong],
            "label": truth[wrong],
            "told": predicted.label[wrong],
            "probability": sure[wrong].round(4),
            "text": fitted.test.text[wrong],
        }
    )
    by_class = pd.DataFrame([asdict(scores) for scores in fitted.evaluation.by_class])
    title = f"{fitted.classifier.dataset}: the words that decided"
    return {
        "by_class.csv": by_class.to_csv(index=False),
        "mistakes.csv": mistakes.to_csv(index=False),
        "words.html": render_words(title, shade_examples(fitted)),
    }


def can_be_drawn(text: str) -> bool:
    """Tell whether the font of pictures has every character of a text."""
    font = get_font(findfont(FontProperties()))
    return all(font.get_char_index(ord(character)) for character in text)
