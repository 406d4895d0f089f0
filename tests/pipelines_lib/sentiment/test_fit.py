"""Fitting a classifier: what it learns, what it refuses, and that a killed run goes on."""

import numpy as np
import pytest
import torch

from pipelines_lib.errors import TrainingError
from pipelines_lib.sentiment.fit import fit_classifier
from pipelines_lib.sentiment.splits import split_texts
from tests.pipelines_lib.sentiment.corpora import (
    make_names,
    make_ordered,
    make_reviews,
    make_texts,
    small_config,
)


class Interrupted(Exception):
    pass


def weights(fitted) -> list[torch.Tensor]:
    parts = (fitted.classifier.network, fitted.classifier.linear)
    return [value for part in parts if part is not None for value in part.state_dict().values()]


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_fit_classifier_tells_three_classes_in_two_languages(fitted):
    metrics = fitted.evaluation.metrics
    assert metrics["accuracy"] > 0.95
    assert metrics["macro_f1"] > 0.95
    assert metrics["accuracy_baseline"] > 0.95
    assert metrics["accuracy_majority"] < 0.5
    assert fitted.classifier.classes == ["negative", "neutral", "positive"]
    assert fitted.classifier.values == [-1.0, 0.0, 1.0]


def test_fit_classifier_reports_what_the_classifier_says_of_the_test_documents(fitted):
    right = fitted.predicted.label == fitted.test.label
    assert fitted.evaluation.metrics["accuracy"] == right.mean()
    assert len(fitted.test) + fitted.train_size + fitted.validation_size == 900
    again = fitted.classifier.predict_texts(fitted.test.text)
    np.testing.assert_allclose(again.probabilities, fitted.predicted.probabilities, atol=1e-6)


def test_fit_classifier_learns_an_order_that_no_bag_of_words_can_tell(fit_texts):
    config = small_config(
        tokenizer={"vocabulary": 60}, training={"max_epochs": 12}, dropout=0.0, label_smoothing=0.0
    )
    metrics = fit_texts(make_ordered(800), config).evaluation.metrics
    assert metrics["accuracy_lstm"] > 0.95
    assert metrics["accuracy"] > 0.95
    assert metrics["accuracy_ngrams"] < 0.7
    assert metrics["accuracy_baseline"] < 0.7
    assert metrics["mcnemar_p_vs_baseline"] < 0.001


@pytest.mark.parametrize("pooling", ["attention", "attention_and_max"])
def test_fit_classifier_tells_names_by_their_characters(fit_texts, pooling):
    config = small_config(tokenizer={"kind": "character"}, pooling=pooling, ngrams={"longest": 0})
    fitted = fit_texts(make_names(800), config)
    assert fitted.evaluation.metrics["accuracy"] > 0.9
    assert "accuracy_ngrams" not in fitted.evaluation.metrics
    assert fitted.classifier.values is None
    assert np.isnan(fitted.predicted.polarity).all()


def test_fit_classifier_gives_the_same_weights_for_the_same_seed_and_others_for_another(fit_texts):
    texts = make_reviews(200)

    def fit(seed):
        return fit_texts(texts, small_config(training={"max_epochs": 1, "seed": seed}))

    one, again, other = fit(0), fit(0), fit(1)
    assert same(one, again)
    assert one.evaluation.metrics == again.evaluation.metrics
    assert not same(one, other)


def test_fit_classifier_trains_members_of_different_seeds(fitted):
    first, second = (member.state_dict() for member in fitted.classifier.network)
    assert not torch.equal(first["recurrent.head.weight"], second["recurrent.head.weight"])
    assert len(fitted.training) == 2


@pytest.mark.parametrize("reports", [1, 2, 3, 4])
def test_fit_classifier_interrupted_anywhere_ends_with_the_same_weights(
    fit_texts, tmp_path, reports
):
    texts, path = make_reviews(150), tmp_path / "run.safetensors"
    config = small_config(members=2, training={"max_epochs": 2, "weight_averaging": 0.9})
    heard = []

    def interrupt(report):
        heard.append(report)
        if len(heard) == reports:
            raise Interrupted

    with pytest.raises(Interrupted):
        fit_texts(texts, config, checkpoint=path, on_epoch=interrupt)
    assert list(tmp_path.iterdir())
    resumed, whole = fit_texts(texts, config, checkpoint=path), fit_texts(texts, config)
    assert same(resumed, whole)
    assert resumed.evaluation.metrics == whole.evaluation.metrics
    assert list(tmp_path.iterdir()) == []


def test_fit_classifier_does_not_repeat_what_is_finished(fit_texts, tmp_path):
    texts, path = make_reviews(150), tmp_path / "run.safetensors"
    config = small_config(members=2, training={"max_epochs": 2})

    heard = []

    def interrupt_in_the_second(report):
        heard.append(report)
        if len(heard) == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        fit_texts(texts, config, checkpoint=path, on_epoch=interrupt_in_the_second)
    heard.clear()
    fit_texts(texts, config, checkpoint=path, on_epoch=heard.append)
    assert [report.epoch for report in heard] == [2]


def test_fit_classifier_learns_tokens_from_training_texts_alone(fit_texts):
    texts = make_reviews(300)
    config = small_config(training={"max_epochs": 1})
    parts = split_texts(texts, config.split)
    for part, character in ((parts.train, "ж"), (parts.validation, "ы"), (parts.test, "щ")):
        texts.text[part] = texts.text[part] + f" {character}"
    tokenizer = fit_texts(texts, config, parts=parts).classifier.tokenizer
    known = "".join(tokenizer.tokenizer.get_vocab())
    assert "ж" in known
    assert "ы" not in known
    assert "щ" not in known


def test_fit_classifier_learns_the_linear_answer_from_training_texts_alone(fit_texts):
    texts, config = make_reviews(300), small_config(training={"max_epochs": 1})
    parts = split_texts(texts, config.split)
    one = fit_texts(texts, config, parts=parts).classifier.linear.state_dict()
    for changed in (parts.validation, parts.test, parts.train):
        others = texts.take(np.arange(300))
        others.text[changed] = others.text[changed] + " ж"
        other = fit_texts(others, config, parts=parts).classifier.linear.state_dict()
        assert all(torch.equal(one[name], other[name]) for name in one) != (changed is parts.train)


def test_fit_classifier_takes_the_values_of_the_config(fit_texts):
    config = small_config(training={"max_epochs": 1}, values=["falls=-0.5", "rises=0.25"])
    fitted = fit_texts(make_ordered(100), config)
    assert fitted.classifier.values == [-0.5, 0.25]
    expected = fitted.predicted.probabilities @ [-0.5, 0.25]
    np.testing.assert_allclose(fitted.predicted.polarity, expected)


def test_fit_classifier_refuses_classes_of_which_some_have_no_value(fit_texts):
    with pytest.raises(TrainingError, match=r"no polarity of rises: add it"):
        fit_texts(make_ordered(100), small_config(values=["falls=-1"]))


def test_fit_classifier_tells_texts_of_nothing_and_of_10000_characters(fit_texts):
    reviews = make_reviews(200)
    labels = ["neutral", *reviews.label, "positive", "positive"]
    texts = make_texts(["", *reviews.text, "좋다 " * 3_333 + "!", "🙂"], labels)
    fitted = fit_texts(texts, small_config(training={"max_epochs": 1}))
    assert np.isfinite(fitted.evaluation.metrics["nll"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_fit_classifier_on_a_gpu_makes_a_classifier_for_the_cpu():
    config, texts, cuda = small_config(members=2), make_reviews(900), torch.device("cuda")

    def fit():
        return fit_classifier(texts, dataset_name="made", config=config, device=cuda)

    fitted, again = fit(), fit()
    assert fitted.evaluation.metrics["accuracy"] > 0.95
    assert same(fitted, again)
    on_cpu = fitted.classifier.predict_texts(fitted.test.text)
    np.testing.assert_allclose(on_cpu.probabilities, fitted.predicted.probabilities, atol=5e-3)
