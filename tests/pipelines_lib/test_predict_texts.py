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


def test_predict_any_of_a_loaded_bundle_is_the_same(classifier, tmp_path):
    classifier.save_bundle(tmp_path)
    pd.testing.assert_frame_equal(
        predict_any(load_any_bundle(tmp_path), TEXTS), predict_any(classifier, TEXTS)
    )


def test_predict_any_of_a_forecaster_refuses_texts(fitted_forecaster):
    with pytest.raises(ConfigError, match="takes a table of rows, not a list: give series_id"):
        predict_any(fitted_forecaster.forecaster, TEXTS)
