"""The linear answer: weighed as TF-IDF is, as good as the baseline, the same whatever the seed."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.models.linear_text import LinearText
from pipelines_lib.sentiment.linear import fit_linear
from pipelines_lib.sentiment.ngrams import hash_ngrams, hash_words
from pipelines_lib.sentiment.ragged import Ragged
from tests.pipelines_lib.sentiment.corpora import WORDS, make_reviews, small_config

CLASSES = sorted(WORDS)


def hashed(texts, config: ClassifierConfig) -> list[Ragged]:
    of = {
        "characters": (hash_ngrams, config.linear.characters),
        "words": (hash_words, config.linear.words),
    }
    return [
        of[name][0](texts, longest=of[name][1], buckets=config.linear.buckets)
        for name in config.linear.blocks
    ]


def numbered(texts) -> np.ndarray:
    return np.searchsorted(np.array(CLASSES, dtype=object), texts.label)


def fit(texts, config: ClassifierConfig, *, n_classes: int = 3) -> LinearText | None:
    blocks = hashed(texts.text, config)
    return fit_linear(blocks, numbered(texts), config=config, n_classes=n_classes)


def answer(linear: LinearText, texts, config: ClassifierConfig) -> np.ndarray:
    blocks = [
        (torch.from_numpy(rows.values), torch.from_numpy(rows.starts[:-1].astype(np.int32)))
        for rows in hashed(texts, config)
    ]
    return linear(blocks).numpy()


def test_fit_linear_is_logistic_regression_over_tf_idf():
    config = small_config(linear={"characters": 0, "words": 2, "buckets": 4_194_304})
    texts, others = make_reviews(200), [*make_reviews(50, seed=1).text, "unheard of", ""]
    vectors = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), binary=True)
    model = LogisticRegression(C=3.0, max_iter=300)
    model.fit(vectors.fit_transform(texts.text), numbered(texts))
    expected = model.predict_proba(vectors.transform(others))
    found = answer(fit(texts, config), others, config)
    probabilities = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=2e-3)


def test_fit_linear_answers_for_two_classes_as_for_three():
    reviews = make_reviews(300)
    two = reviews.take(np.flatnonzero(reviews.label != "neutral"))
    classes = (two.label == "positive").astype(int)
    config = small_config()
    made = fit_linear(hashed(two.text, config), classes, config=config, n_classes=2)
    found = answer(made, two.text, config)
    assert (found.argmax(axis=1) == classes).mean() > 0.98
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-4)


def test_fit_linear_leaves_out_characters_that_hardly_a_text_has():
    # 300 texts: an n-gram counts once one has it; 1,000: once three have.
    config = small_config(linear={"words": 0, "buckets": 65_536})
    for n, counts in ((300, True), (1000, False)):
        texts = make_reviews(n)
        texts.text[0] += " ж"
        place = hash_ngrams(["ж"], longest=1, buckets=65_536).values
        rarity = fit(texts, config).blocks[0].rarity[torch.from_numpy(place)]
        assert (rarity > 0).sum() == (2 if counts else 1)  # `_` is everywhere


def test_linear_text_gives_words_that_no_training_text_had_no_weight():
    config = small_config(linear={"characters": 0, "buckets": 4_194_304})
    linear = fit(make_reviews(300), config)
    known, beside, strange, empty = answer(
        linear, ["good film", "strange good film indeed", "strange", ""], config
    )
    np.testing.assert_allclose(beside, known, atol=1e-6)
    assert known.argmax() == CLASSES.index("positive")
    np.testing.assert_array_equal(strange, linear.bias.numpy())
    np.testing.assert_array_equal(empty, linear.bias.numpy())


def test_linear_text_of_a_text_does_not_depend_on_its_neighbours():
    config = small_config()
    linear, texts = fit(make_reviews(300), config), make_reviews(40, seed=3).text
    together = answer(linear, texts, config)
    for row, text in enumerate(texts):
        np.testing.assert_allclose(answer(linear, [text], config)[0], together[row], atol=1e-6)


def test_linear_text_weighs_by_hand():
    linear = LinearText([4, 3], n_classes=2)
    linear.bias.copy_(torch.tensor([0.5, -0.5]))
    first, second = linear.blocks
    first.rarity.copy_(torch.tensor([3.0, 4.0, 0.0, 1.0]))
    first.coefficients.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0], [2.0, 2.0]]))
    second.rarity.copy_(torch.tensor([2.0, 0.0, 0.0]))
    second.coefficients.copy_(torch.tensor([[1.0, -1.0], [9.0, 9.0], [9.0, 9.0]]))
    blocks = [
        (torch.tensor([0, 1, 2, 3]), torch.tensor([0, 3])),
        (torch.tensor([0, 1]), torch.tensor([0, 1])),
    ]
    # (3, 4) is of length 5: (.6, .8); the word weighs 1. Then (2, 2) alone, of nothing known.
    expected = [[0.5 + 0.6 + 1, -0.5 + 0.8 - 1], [0.5 + 2, -0.5 + 2]]
    torch.testing.assert_close(linear(blocks), torch.tensor(expected))


@pytest.mark.parametrize(
    ("field", "value"),
    [("strength", 0.01), ("characters", 2), ("characters", 0), ("words", 0), ("buckets", 300)],
)
def test_fit_linear_goes_by_its_fields(field, value):
    texts, usual, other = make_reviews(300), small_config(), small_config(linear={field: value})
    one, changed = (answer(fit(texts, config), texts.text, config) for config in (usual, other))
    assert np.abs(one - changed).max() > 0.05


def test_fit_linear_makes_no_answer_where_the_config_wants_none():
    texts = make_reviews(60)
    for fields in ({"strength": 0}, {"characters": 0, "words": 0}):
        config = small_config(linear=fields)
        assert config.answers == ["lstm", "ngrams"]
        assert fit(texts, config) is None


def test_fit_linear_is_the_same_each_time():
    texts, config = make_reviews(300), small_config()
    one, again = fit(texts, config).state_dict(), fit(texts, config).state_dict()
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_fit_linear_refuses_classes_without_texts():
    with pytest.raises(ValueError, match="3 of 4 classes"):
        fit(make_reviews(60), small_config(), n_classes=4)
