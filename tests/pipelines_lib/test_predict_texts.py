"""Texts in, classes out: what a registered classifier does when it is called."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.errors import ConfigError, SeriesError
from pipelines_lib.predict import classify_texts, load_any_bundle, predict_any
from tests.texts import fitted_small

TEXTS = ["great lovely film", "awful dull plot", "", "🙂 훌륭하다", "so " * 4000]


@pytest.fixture(scope="module")
def classifier():
    return fitted_small().classifier


def test_classify_texts_answers_each_text_in_its_order(classifier):
    made = classify_texts(classifier, TEXTS)
    assert list(made) == ["label", "polarity", "probability", "p_negative", "p_positive"]
    assert made["label"].tolist()[:2] == ["positive", "negative"]
    chances = made[["p_negative", "p_positive"]]
    assert np.allclose(chances.sum(axis=1), 1)
    assert np.allclose(chances.max(axis=1), made["probability"])
    assert np.allclose(made["polarity"], made["p_positive"] - made["p_negative"])


def test_classify_texts_of_a_table_reads_title_and_text(classifier):
    rows = pd.DataFrame({"title": ["great", None], "text": ["lovely film", "dull"]}, index=[7, 3])
    made = classify_texts(classifier, rows)
    assert made.index.tolist() == [7, 3]
    joined = classify_texts(classifier, ["great\nlovely film", "dull"])
    assert np.allclose(made["p_positive"], joined["p_positive"], atol=1e-5)


def test_classify_texts_without_polarity_has_no_such_column(classifier):
    made = classify_texts(replace(classifier, values=None), TEXTS)
    assert "polarity" not in made


def test_classify_texts_of_nothing_is_empty(classifier):
    assert len(classify_texts(classifier, [])) == 0


def test_classify_texts_names_the_column_it_needs(classifier):
    with pytest.raises(SeriesError, match=r"lack text \(they have review\): .* column text"):
        classify_texts(classifier, pd.DataFrame({"review": ["great"]}))


@pytest.mark.parametrize(
    ("given", "n"),
    [
        ("great film", 1),
        (["great film"], 1),
        ({"text": "great film"}, 1),
        ({"text": ["great film", "great film"]}, 2),
        ({"text": ["film"], "title": ["great"]}, 1),
        (np.array(["great film", None, np.nan], dtype=object), 3),
    ],
    ids=["text", "texts", "one by name", "several by name", "title", "missing"],
)
def test_classify_texts_takes_texts_in_every_form(classifier, given, n):
    made = classify_texts(classifier, given)
    assert len(made) == n
    first = "great\nfilm" if isinstance(given, dict) and "title" in given else "great film"
    expected = classify_texts(classifier, [first, *["great film" if n == 2 else ""] * (n - 1)])
    assert np.allclose(made["p_positive"], expected["p_positive"], atol=1e-5)


@pytest.mark.parametrize("value", [7, 2.5, b"great", ["great"]])
def test_classify_texts_refuses_what_is_no_text(classifier, value):
    with pytest.raises(SeriesError, match=r"row 1 of column text has .+, of type \w+: give"):
        classify_texts(classifier, ["great film", value])
    with pytest.raises(SeriesError, match="row 0 of column title has"):
        classify_texts(classifier, pd.DataFrame({"title": [value], "text": ["film"]}))


def test_classify_texts_refuses_columns_of_several_lengths(classifier):
    with pytest.raises(SeriesError, match=r"differ in length \(text 2, title 1\)"):
        classify_texts(classifier, {"text": ["great", "film"], "title": ["a"]})


def test_predict_any_of_a_loaded_bundle_is_the_same(classifier, tmp_path):
    classifier.save_bundle(tmp_path)
    pd.testing.assert_frame_equal(
        predict_any(load_any_bundle(tmp_path), TEXTS), predict_any(classifier, TEXTS)
    )


def test_predict_any_of_a_forecaster_refuses_texts(fitted_forecaster):
    with pytest.raises(ConfigError, match="takes a table of rows, not a list: give series_id"):
        predict_any(fitted_forecaster.forecaster, TEXTS)
