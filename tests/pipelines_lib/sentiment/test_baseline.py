"""The baseline: it learns what n-grams can tell, whatever the corpus."""

import numpy as np
import pytest

from pipelines_lib.sentiment.baseline import predict_baseline
from tests.pipelines_lib.sentiment.corpora import ENDINGS, WORDS, make_names, make_reviews


@pytest.mark.parametrize("n", [120, 700, 1600])
def test_predict_baseline_tells_names_though_every_word_stands_once(n):
    names = make_names(n + 100)
    numbers = np.searchsorted(np.array(sorted(ENDINGS), dtype=object), names.label)
    found = predict_baseline(names.text[:n], numbers[:n], names.text[n:], n_classes=4)
    assert (found == numbers[n:]).mean() > 0.9


def test_predict_baseline_tells_two_classes_and_takes_empty_texts():
    reviews = make_reviews(400)
    two = reviews.take(np.flatnonzero(reviews.label != "neutral"))
    numbers = (two.label == "positive").astype(int)
    found = predict_baseline(["", *two.text], np.array([0, *numbers]), ["", *two.text], n_classes=2)
    assert found.dtype == np.int64
    assert (found[1:] == numbers).mean() > 0.95


def test_predict_baseline_answers_with_numbers_of_classes_it_has_seen():
    texts = [" ".join(words) for words in WORDS.values()]
    found = predict_baseline(texts, np.array([0, 2, 5]), texts, n_classes=6)
    assert found.tolist() == [0, 2, 5]
