"""Tokenizers: the same for the same texts, of any size of corpus, and of any text whatever."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines_lib.config import TokenizerConfig
from pipelines_lib.errors import BundleError, TrainingError
from pipelines_lib.models.text import UNKNOWN
from pipelines_lib.sentiment.tokenizer import TextTokenizer, train_tokenizer
from tests.pipelines_lib.sentiment.corpora import make_names, make_reviews

ROOT = Path(__file__).parents[3]
KINDS = ("unigram", "bpe", "character")
TEXTS = list(make_reviews(300).text)


def train(kind="unigram", texts=TEXTS, **fields) -> TextTokenizer:
    return train_tokenizer(texts, TokenizerConfig(kind=kind, **{"vocabulary": 150, **fields}))


def tokens(tokenizer: TextTokenizer, text: str) -> list[str]:
    return [tokenizer.tokenizer.id_to_token(n) for n in tokenizer.encode([text]).values]


SCRIPT = """
import hashlib
from tests.pipelines_lib.sentiment.test_tokenizer import KINDS, train
for kind in KINDS:
    print(hashlib.sha256(train(kind).tokenizer.to_str().encode()).hexdigest())
"""


def test_train_tokenizer_gives_the_same_in_every_process():
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [hashlib.sha256(train(kind).tokenizer.to_str().encode()).hexdigest() for kind in KINDS]
    assert child.stdout.split() == here


@pytest.mark.parametrize("kind", KINDS)
def test_train_tokenizer_learns_at_most_the_vocabulary(kind):
    assert len(train(kind, vocabulary=90)) <= 90
    assert len(train(kind, texts=["ab", "abc"], vocabulary=1000)) < 20


def test_train_tokenizer_says_what_to_do_about_too_many_characters():
    with pytest.raises(TrainingError, match=r"16 tokens: .*chars; raise tokenizer\.vocabulary"):
        train(vocabulary=16)


def test_train_tokenizer_learns_pieces_of_words_or_characters():
    assert tokens(train("unigram"), "the market") == ["▁the", "▁market"]
    assert tokens(train("unigram"), "therefore") == ["▁the", "re", "f", "o", "re"]
    assert tokens(train("bpe"), "the market") == ["▁the", "▁market"]
    assert tokens(train("character"), "the film") == list("the film")


@pytest.mark.parametrize("kind", KINDS)
def test_encode_gives_every_text_at_least_one_token(kind):
    texts = ["", "   ", "🙂🙂", "영화 market 최고!", "\ud800 broken", "a\nb\tc"]
    encoded = train(kind).encode(texts)
    assert (encoded.lengths >= 1).all()
    assert encoded.values.dtype == np.int32
    assert encoded.values[0] == UNKNOWN
    assert len(encoded) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_encode_cuts_10000_characters_at_max_tokens(kind):
    tokenizer = train(kind, max_tokens=25)
    long = "영화 good " * 1_250
    assert len(long) == 10_000
    encoded = tokenizer.encode([long, "good", "가" * 10_000])
    assert encoded.lengths[0] == 25
    assert encoded.lengths[1] < 25
    assert encoded.lengths[2] <= 25


def test_encode_reads_compatible_characters_as_one():
    tokenizer = train()
    wide, composed = "ｍａｒｋｅｔ", "영화".encode().decode()
    assert tokens(tokenizer, wide) == tokens(tokenizer, "market")
    assert tokens(tokenizer, composed) == tokens(tokenizer, "영화")


def test_encode_keeps_upper_and_lower_case_and_every_digit_apart():
    names = [*make_names(100).text, "2024 2020"]
    by_character = train("character", texts=names)
    assert tokens(by_character, "Lab") == ["L", "a", "b"]
    assert tokens(train(texts=names), "2024")[-4:] == ["2", "0", "2", "4"]


def test_encode_takes_any_white_space_for_a_space():
    tokenizer = train()
    assert tokens(tokenizer, " the\n\tmarket  ") == tokens(tokenizer, "the market")


def test_encode_is_the_same_in_one_go_and_text_by_text():
    tokenizer = train()
    whole = tokenizer.encode(TEXTS[:50])
    single = np.concatenate([tokenizer.encode([text]).values for text in TEXTS[:50]])
    np.testing.assert_array_equal(whole.values, single)


def test_save_and_load_encode_alike(tmp_path):
    for kind in KINDS:
        tokenizer = train(kind, max_tokens=5)
        tokenizer.save(tmp_path / kind)
        loaded = TextTokenizer.load(tmp_path / kind)
        assert loaded.encode(TEXTS).values.tolist() == tokenizer.encode(TEXTS).values.tolist()
        assert loaded.by_character == (kind == "character")


def test_load_refuses_what_is_no_tokenizer(tmp_path):
    with pytest.raises(BundleError, match=r"is no tokenizer: .*; train the model again"):
        TextTokenizer.load(tmp_path / "missing.json")
