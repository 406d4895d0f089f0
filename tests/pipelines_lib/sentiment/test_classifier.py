"""A classifier's answers: the same alone and beside others, explained, saved and loaded."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from pipelines_lib.bundles import ARRAYS, CARD
from pipelines_lib.errors import BundleError
from pipelines_lib.sentiment.calibration import Mixture
from pipelines_lib.sentiment.classifier import Classifier
from tests.pipelines_lib.sentiment.corpora import make_names, make_reviews, small_config

MIXED = [
    "최고 영화 오늘",
    "awful film of the market",
    "🙂🙂",
    "",
    "   ",
    "오늘 good 시장 film 🙂 이익",
    "최악 " * 3_334,
    "a",
    "x" * 10_000,
]


@pytest.fixture(scope="module")
def by_character(fit_texts):
    config = small_config(
        tokenizer={"kind": "character"}, ngrams={"longest": 0}, training={"max_epochs": 1}
    )
    return fit_texts(make_names(200), config).classifier


def test_predict_texts_does_not_depend_on_the_texts_beside(fitted):
    classifier = fitted.classifier
    together = classifier.predict_texts(MIXED + list(make_reviews(300).text))
    for row, text in enumerate(MIXED):
        alone = classifier.predict_texts([text])
        np.testing.assert_allclose(
            alone.probabilities[0], together.probabilities[row], rtol=0, atol=1e-5
        )
    small = classifier.predict_texts(MIXED, batch_size=2)
    np.testing.assert_allclose(
        small.probabilities, together.probabilities[: len(MIXED)], rtol=0, atol=1e-5
    )


def test_predict_texts_keeps_the_order_and_is_the_same_each_time(fitted):
    texts = make_reviews(200, seed=5)
    shuffled = np.random.default_rng(0).permutation(200)
    one = fitted.classifier.predict_texts(texts.text)
    again = fitted.classifier.predict_texts(texts.text)
    other = fitted.classifier.predict_texts(texts.text[shuffled])
    np.testing.assert_array_equal(one.probabilities, again.probabilities)
    assert other.label.tolist() == one.label[shuffled].tolist()
    assert (one.label == texts.label).mean() > 0.95


def test_predict_texts_reckons_polarity_of_probabilities(fitted):
    found = fitted.classifier.predict_texts(MIXED)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    expected = found.probabilities[:, 2] - found.probabilities[:, 0]
    np.testing.assert_allclose(found.polarity, expected)
    assert found.polarity[0] > 0.5
    assert found.polarity[1] < -0.5
    assert found.label[0] == "positive"


def test_predict_texts_of_nothing_is_empty(fitted):
    found = fitted.classifier.predict_texts([])
    assert found.probabilities.shape == (0, 3)
    assert len(found.label) == len(found.polarity) == 0


def test_predict_texts_has_no_polarity_where_classes_have_none(by_character):
    found = by_character.predict_texts(["Ada", "Labelli"])
    assert np.isnan(found.polarity).all()


def test_explain_texts_finds_the_word_that_decided(fitted):
    words = fitted.classifier.explain_texts(["the film of 최악 market today"])[0]
    assert [word for word, _ in words] == ["the", "film", "of", "최악", "market", "today"]
    assert max(words, key=lambda pair: pair[1])[0] == "최악"


def test_explain_texts_sums_to_one_and_has_nothing_to_say_of_nothing(fitted):
    found = fitted.classifier.explain_texts(MIXED)
    for text, words in zip(MIXED, found, strict=True):
        if text.strip():
            assert sum(weight for _, weight in words) == pytest.approx(1, abs=1e-5)
        else:
            assert words == []
    assert fitted.classifier.explain_texts([]) == []


def test_explain_texts_does_not_depend_on_the_texts_beside(fitted):
    together = dict(fitted.classifier.explain_texts(MIXED)[1])
    assert dict(fitted.classifier.explain_texts([MIXED[1]])[0]) == pytest.approx(together, abs=1e-5)


def test_explain_texts_weighs_characters_where_they_are_the_tokens(by_character):
    found = by_character.explain_texts(["Ada Bo"])[0]
    assert [character for character, _ in found] == list("Ada Bo")
    assert sum(weight for _, weight in found) == pytest.approx(1, abs=1e-5)


def test_load_bundle_answers_bit_for_bit_as_what_was_saved(fitted, by_character, tmp_path):
    for name, classifier in (("reviews", fitted.classifier), ("names", by_character)):
        classifier.save_bundle(tmp_path / name)
        loaded = Classifier.load_bundle(tmp_path / name)
        ours, theirs = classifier.predict_texts(MIXED), loaded.predict_texts(MIXED)
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)
        assert loaded.config == classifier.config
        assert (loaded.classes, loaded.values) == (classifier.classes, classifier.values)
        assert loaded.temperature == classifier.temperature
        assert loaded.explain_texts(MIXED) == classifier.explain_texts(MIXED)


def test_save_bundle_writes_json_and_arrays_alone(fitted, tmp_path):
    fitted.classifier.save_bundle(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "arrays.safetensors",
        "bundle.json",
        "tokenizer.json",
    ]
    assert json.loads((tmp_path / CARD).read_text(encoding="utf-8"))["kind"] == "classifier"


@pytest.mark.parametrize("lacks", ["tokenizer.json", "arrays.safetensors"])
def test_load_bundle_refuses_what_is_not_whole(fitted, tmp_path, lacks):
    fitted.classifier.save_bundle(tmp_path)
    (tmp_path / lacks).unlink()
    with pytest.raises(BundleError, match="train the model again"):
        Classifier.load_bundle(tmp_path)


def test_load_bundle_refuses_weights_of_another_network(fitted, tmp_path):
    fitted.classifier.save_bundle(tmp_path)
    card = json.loads((tmp_path / CARD).read_text(encoding="utf-8"))
    card["config"]["hidden"] = 5
    (tmp_path / CARD).write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(BundleError, match="fit no such network"):
        Classifier.load_bundle(tmp_path)


def test_load_bundle_refuses_a_linear_answer_that_lacks_its_arrays(fitted, tmp_path):
    fitted.classifier.save_bundle(tmp_path)
    arrays = load_file(tmp_path / ARRAYS)
    del arrays["linear.bias"]
    save_file(arrays, tmp_path / ARRAYS)
    with pytest.raises(BundleError, match="fit no such network"):
        Classifier.load_bundle(tmp_path)


def test_load_bundle_reads_one_of_before_the_linear_answer(fitted, tmp_path):
    fitted.classifier.save_bundle(tmp_path)
    card = json.loads((tmp_path / CARD).read_text(encoding="utf-8"))
    del card["config"]["linear"]
    card["mixture"] = {"ngram_share": 0.25, "temperature": 2.0}
    (tmp_path / CARD).write_text(json.dumps(card), encoding="utf-8")
    arrays = load_file(tmp_path / ARRAYS)
    old = {name: array for name, array in arrays.items() if not name.startswith("linear.")}
    save_file(old, tmp_path / ARRAYS)
    loaded = Classifier.load_bundle(tmp_path)
    assert loaded.mixture == Mixture((0.75, 0.25), 2.0)
    assert loaded.linear is None
    data = fitted.classifier.encode(MIXED, device=torch.device("cpu"))
    expected = loaded.mixture.probabilities(fitted.classifier.logits(data)[:, :, :2])
    np.testing.assert_allclose(loaded.predict_texts(MIXED).probabilities, expected, atol=1e-9)


def test_logits_stand_in_the_order_of_the_answers(fitted):
    classifier = fitted.classifier
    assert classifier.answers == ["lstm", "ngrams", "linear"]
    data = classifier.encode(MIXED, device=torch.device("cpu"))
    logits = classifier.logits(data)
    rows = torch.arange(len(MIXED))
    linear = classifier.linear(data.blocks(rows)).numpy()
    for of_member in logits:
        np.testing.assert_allclose(of_member[:, 2], linear, atol=1e-5)
    of_first = classifier.network[0](data.inputs(rows)).detach().numpy()
    np.testing.assert_allclose(logits[0][:, :2], of_first, atol=1e-5)
