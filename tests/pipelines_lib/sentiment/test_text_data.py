"""Batches of texts: every one once, little padding, gathered as they were encoded."""

import numpy as np
import pytest
import torch

from pipelines_lib.sentiment import text_data
from pipelines_lib.sentiment.ngrams import hash_ngrams, hash_words
from pipelines_lib.sentiment.text_data import TextData
from pipelines_lib.sentiment.tokenizer import train_tokenizer
from tests.pipelines_lib.sentiment.corpora import make_reviews, make_texts, small_config

CPU = torch.device("cpu")
TEXTS = make_reviews(300)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS.text, small_config().tokenizer)


def make_data(tokenizer, texts=TEXTS.text, **fields) -> TextData:
    config = small_config(**fields)
    targets = np.arange(len(texts)) % 3
    return TextData.make(texts, tokenizer=tokenizer, config=config, device=CPU, targets=targets)


def shuffled(n, seed=0) -> torch.Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def test_batches_show_every_text_once_an_epoch(tokenizer):
    data = make_data(tokenizer)
    drawn = shuffled(300)[:250]
    for shuffle in (None, torch.Generator().manual_seed(1)):
        batches = list(data.batches(drawn, 32, shuffle))
        assert sorted(torch.cat(batches).tolist()) == sorted(drawn.tolist())
        assert sorted(map(len, batches)) == [26, *[32] * 7]


def test_batches_waste_little_on_padding(tokenizer):
    # Lengths 2, 4 .. 40 alike: drawn blindly, half of a batch would be padding.
    texts = np.array(["ж " * n for n in range(1, 21)] * 40, dtype=object)
    data = make_data(tokenizer, texts)

    def cells(batches):
        return sum(data.inputs(batch).tokens.numel() for batch in batches)

    real = int(data.lengths.sum())
    assert cells(data.batches(shuffled(800), 32, None)) / real < 1.05
    assert cells(shuffled(800).split(32)) / real > 1.8


def test_batches_are_others_in_each_epoch_and_the_same_for_the_same_state(tokenizer):
    data = make_data(tokenizer)

    def epoch(seed):
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randperm(300, generator=generator)
        return [sorted(batch.tolist()) for batch in data.batches(drawn, 32, generator)]

    assert epoch(1) == epoch(1)
    assert {tuple(batch) for batch in epoch(1)} != {tuple(batch) for batch in epoch(2)}


def test_batches_come_in_random_order_only_when_shuffled(tokenizer):
    data = make_data(tokenizer)

    def longest(shuffle):
        batches = data.batches(torch.arange(300), 32, shuffle)
        return [int(data.lengths[batch].max()) for batch in batches]

    assert longest(None) == sorted(longest(None))
    assert longest(torch.Generator().manual_seed(0)) != sorted(longest(None))


def test_batches_that_are_judged_hold_at_most_so_many_cells(tokenizer, monkeypatch):
    monkeypatch.setattr(text_data, "CELLS", 60)
    data = make_data(tokenizer)
    batches = list(data.batches(torch.arange(300), 32, None))
    assert max(data.inputs(batch).tokens.numel() for batch in batches) <= 60
    assert sorted(torch.cat(batches).tolist()) == list(range(300))


def test_batch_gathers_tokens_lengths_and_classes(tokenizer):
    data = make_data(tokenizer)
    encoded = tokenizer.encode(TEXTS.text)
    inputs, targets = data.batch(torch.tensor([7, 0, 299]))
    assert targets.tolist() == [1, 0, 2]
    for row, number in enumerate([7, 0, 299]):
        own = encoded.values[encoded.starts[number] : encoded.starts[number + 1]].tolist()
        length = int(inputs.lengths[row])
        assert inputs.tokens[row, :length].tolist() == own
        assert (inputs.tokens[row, length:] == 0).all()
    assert inputs.tokens.shape[1] == max(inputs.lengths)


def test_batch_gathers_the_ngrams_of_each_text(tokenizer):
    data = make_data(tokenizer)
    hashed = hash_ngrams(TEXTS.text, longest=4, buckets=2048)
    inputs = data.inputs(torch.tensor([5, 2]))
    five, two = (hashed.values[hashed.starts[i] : hashed.starts[i + 1]].tolist() for i in (5, 2))
    assert inputs.ngrams.tolist() == five + two
    assert inputs.ngram_starts.tolist() == [0, len(five)]


def test_text_data_has_no_ngrams_where_the_config_wants_none(tokenizer):
    inputs = make_data(tokenizer, ngrams={"longest": 0}).inputs(torch.tensor([0]))
    assert inputs.ngrams is None


def test_text_data_knows_no_classes_of_new_texts(tokenizer):
    texts = make_texts(["a", "b"], ["x", "y"]).text
    data = TextData.make(texts, tokenizer=tokenizer, config=small_config(), device=CPU)
    assert data.targets.tolist() == [0, 0]


def test_blocks_gathers_the_places_that_the_linear_answer_reads(tokenizer):
    data = make_data(tokenizer)
    blocks = data.blocks(torch.tensor([5, 2]))
    for (places, starts), hashed in zip(blocks, (hash_ngrams, hash_words), strict=True):
        longest = 4 if hashed is hash_ngrams else 2
        of = [hashed([TEXTS.text[i]], longest=longest, buckets=4096).values for i in (5, 2)]
        assert places.tolist() == [*of[0], *of[1]]
        assert starts.tolist() == [0, len(of[0])]


@pytest.mark.parametrize(
    ("fields", "n_blocks"), [({"words": 0}, 1), ({"characters": 0}, 1), ({"strength": 0}, 0)]
)
def test_text_data_reads_no_more_than_the_linear_answer_asks_for(tokenizer, fields, n_blocks):
    assert len(make_data(tokenizer, linear=fields).blocks(torch.tensor([0]))) == n_blocks


def test_text_data_hashes_n_grams_once_where_both_answers_read_the_same(tokenizer):
    same, apart = make_data(tokenizer, linear={"buckets": 2048}), make_data(tokenizer)
    assert same.terms[0] is same.ngrams
    assert apart.terms[0] is not apart.ngrams


def test_first_returns_what_the_first_texts_were_encoded_to(tokenizer):
    characters, _ = make_data(tokenizer).first(20)
    hashed = hash_ngrams(TEXTS.text[:20], longest=4, buckets=4096)
    assert characters.values.tolist() == hashed.values.tolist()
    assert characters.starts.tolist() == hashed.starts.tolist()
