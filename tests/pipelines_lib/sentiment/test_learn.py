"""The loss by hand; what is kept of an unfinished fit."""

import numpy as np
import pytest
import torch

from pipelines_lib.sentiment.learn import Kept, learn_tokens, sum_of_answers
from pipelines_lib.sentiment.tokenizer import train_tokenizer
from tests.pipelines_lib.sentiment.corpora import make_reviews, small_config

TARGET = torch.tensor([0])


def test_sum_of_answers_by_hand():
    # Odds 3 : 1 from the recurrent network, 1 : 1 from the n-grams.
    logits = torch.tensor([[[3.0, 1.0], [1.0, 1.0]]]).log()
    plain = -np.log(3 / 4) - np.log(1 / 2)
    assert sum_of_answers(0.0)(logits, TARGET).item() == pytest.approx(plain)
    # Smoothed by 0.2 the recurrent network's label is 0.9 of its class and 0.1 of the other.
    smoothed = -0.9 * np.log(3 / 4) - 0.1 * np.log(1 / 4) - np.log(1 / 2)
    assert sum_of_answers(0.2)(logits, TARGET).item() == pytest.approx(smoothed)


def test_sum_of_answers_takes_one_answer_too():
    logits = torch.tensor([[[3.0, 1.0]]]).log()
    assert sum_of_answers(0.0)(logits, TARGET).item() == pytest.approx(-np.log(3 / 4))


def test_learn_tokens_goes_on_with_the_tokenizer_that_an_interrupted_run_learned(tmp_path):
    kept, config = Kept(tmp_path / "run.safetensors"), small_config().tokenizer
    texts = make_reviews(100).text
    learned = learn_tokens(texts, config, kept=kept)
    again = learn_tokens(["something else altogether"] * 9, config, kept=kept)
    assert again.encode(texts).values.tolist() == learned.encode(texts).values.tolist()
    kept.remove(members=1)
    assert list(tmp_path.iterdir()) == []


def test_learn_tokens_learns_again_what_is_no_tokenizer(tmp_path):
    kept, config = Kept(tmp_path / "run.safetensors"), small_config().tokenizer
    texts = make_reviews(100).text
    kept.tokenizer.write_text("{", encoding="utf-8")
    learned = learn_tokens(texts, config, kept=kept)
    expected = train_tokenizer(texts, config)
    assert learned.encode(texts).values.tolist() == expected.encode(texts).values.tolist()


def test_kept_keeps_nothing_without_a_checkpoint():
    kept = Kept(None)
    assert kept.tokenizer is kept.unfinished(0) is kept.finished(0) is None
    kept.remove(members=2)
