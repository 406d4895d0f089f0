"""Pictures, tables and words of a classifier's training run."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.reports.classifier import (
    can_be_drawn,
    draw_classifier,
    draw_confusion,
    draw_reliability,
    make_examples,
)
from pipelines_lib.reports.words import DARKEST, SHOWN, render_words, shade_headlines, shade_text
from pipelines_lib.sentiment.calibration import calibration_error
from tests.texts import fitted_small


def test_draw_classifier_draws_every_picture():
    figures = draw_classifier(fitted_small())
    assert list(figures) == ["losses", "confusion", "reliability"]


def test_draw_classifier_draws_the_losses_of_each_member():
    fitted = fitted_small()
    two = replace(fitted, training=fitted.training * 2)
    assert list(draw_classifier(two))[:2] == ["losses_1", "losses_2"]


def test_draw_confusion_writes_counts_in_the_cells():
    axes = draw_confusion(np.array([[1200, 3], [0, 7]]), ["dull", "great"]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1,200", "3", "7"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["dull", "great"]


def test_draw_confusion_numbers_classes_that_no_font_can_write():
    axes = draw_confusion(np.eye(2, dtype=int), ["부정", "Größe"]).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["class 1", "Größe"]
    assert not can_be_drawn("부정")


def test_draw_reliability_tells_the_calibration_error():
    """Ten sure at .95, half of them right: .45 off. Ten sure at .5, half right: not off."""
    right = np.array([True] * 5 + [False] * 5)
    sure = {"before": np.full(10, 0.95), "after": np.full(10, 0.5)}
    labels = [line.get_label() for line in draw_reliability(sure, right).axes[0].lines]
    assert labels[1:] == ["before, calibration error 0.450", "after, calibration error 0.000"]


def test_draw_reliability_bins_as_the_metric_does():
    """Sure at .6, the edge of two bins, and wrong; sure at .62 and right: .6 and .38 off."""
    sure, right = np.array([0.6, 0.62]), np.array([False, True])
    line = draw_reliability({"before": sure, "after": sure}, right).axes[0].lines[1]
    assert line.get_label() == "before, calibration error 0.490"
    assert calibration_error(np.stack((sure, 1 - sure), axis=1), right) == pytest.approx(0.49)


def test_make_examples_lists_the_surest_mistakes_first():
    fitted = fitted_small()
    wrong = fitted.predicted.label.copy()
    wrong[:3] = np.where(wrong[:3] == "positive", "negative", "positive")
    made = make_examples(replace(fitted, predicted=replace(fitted.predicted, label=wrong)))
    assert set(made) == {"by_class.csv", "mistakes.csv", "words.html"}
    mistakes = pd.read_csv(io.StringIO(made["mistakes.csv"]))
    missed = wrong != fitted.test.label
    assert set(mistakes["document_id"]) == set(fitted.test.document_id[missed])
    assert mistakes["probability"].is_monotonic_decreasing
    by_class = pd.read_csv(io.StringIO(made["by_class.csv"]))
    assert by_class["name"].tolist() == ["negative", "positive"]
    assert by_class["documents"].sum() == len(fitted.test)


def test_shade_text_makes_the_heaviest_word_the_darkest():
    text = shade_text(
        [("a", 0.1), ("b", 0.4), ("c", 0.0)], said="x", by_character=False, tone="positive"
    )
    assert text.pieces == [("a", pytest.approx(DARKEST / 4, abs=0.01)), ("b", DARKEST), ("c", 0.0)]
    assert (text.between, text.cut) == (" ", False)


def test_shade_text_cuts_long_texts_and_takes_none():
    many = shade_text([("w", 1.0)] * (SHOWN + 1), said="x", by_character=True, tone="positive")
    assert (len(many.pieces), many.between, many.cut) == (SHOWN, "", True)
    assert shade_text([], said="x", by_character=False, tone="positive").pieces == []


def test_shade_text_cuts_a_word_without_end():
    [(word, _)] = shade_text(
        [("x" * 5000, 1.0)], said="x", by_character=False, tone="positive"
    ).pieces
    assert word == "x" * 60 + "…"


def test_shade_headlines_colours_by_polarity():
    classifier = fitted_small().classifier
    good, bad = shade_headlines(classifier, ["great film", "awful film"], [0.9, -0.8])
    assert (good.said, good.tone, bad.said, bad.tone) == ("+0.90", "positive", "-0.80", "negative")
    assert [word for word, _ in good.pieces] == ["great", "film"]


def test_render_words_escapes_what_documents_say():
    nasty = shade_text(
        [("<script>", 1.0)], said="<b>", by_character=False, tone="negative", truth="<i>"
    )
    page = render_words("<title>", [nasty])
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 1
    assert "rgba(192,57,43,0.65)" in page
