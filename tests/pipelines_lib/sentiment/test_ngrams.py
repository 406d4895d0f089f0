"""Hashed runs of characters and words: each once a text, the same everywhere, normalised."""

import numpy as np

from pipelines_lib.sentiment import ngrams
from pipelines_lib.sentiment.ngrams import CHARACTERS, hash_ngrams, hash_words


def rows(texts, *, longest=3, buckets=1 << 22, hashed=hash_ngrams) -> list[list[int]]:
    found = hashed(texts, longest=longest, buckets=buckets)
    return [
        found.values[a:b].tolist() for a, b in zip(found.starts, found.starts[1:], strict=False)
    ]


def test_hash_ngrams_counts_each_distinct_ngram_once():
    # _aba_: _ a b, _a ab ba a_, _ab aba ba_
    assert len(rows(["aba"])[0]) == 3 + 4 + 3
    assert len(rows(["aaaa"], longest=2)[0]) == 2 + 3  # _ a, _a aa a_


def test_hash_ngrams_gives_the_same_places_as_ever():
    # A bundle's vectors stand at these places: another hash would leave every old bundle useless.
    assert rows(["ab"], longest=2, buckets=1000) == [[124, 252, 441, 525, 673, 939]]


def test_hash_ngrams_of_a_text_does_not_depend_on_its_neighbours(monkeypatch):
    texts = ["good film", "", "영화 최고", "🙂 wow", "x" * 50]
    together = rows(texts)
    assert together == [rows([text])[0] for text in texts]
    monkeypatch.setattr(ngrams, "CHARACTERS_AT_ONCE", 20)
    assert rows(texts) == together


def test_hash_ngrams_shares_places_between_texts_that_share_ngrams():
    one, other, strange = (set(row) for row in rows(["market", "markets", "영화관"]))
    assert len(one & other) > 12
    assert len(one & strange) == 1  # the mark alone


def test_hash_ngrams_tells_ngrams_of_other_lengths_and_orders_apart():
    ab, ba = rows(["ab", "ba"], longest=2)
    assert len(ab) == len(ba) == 6  # _ a b _a ab b_
    assert len(set(ab) & set(ba)) == 3


def test_hash_ngrams_squeezes_white_space_and_normalises():
    assert rows(["a  b"]) == rows([" a\n\tb "])
    assert rows(["ｆｉｌｍ"]) == rows(["film"])


def test_hash_ngrams_takes_capitals_for_small_letters():
    assert rows(["Profit UP", "STRASSE"]) == rows(["profit up", "straße"])


def test_hash_ngrams_marks_a_text_of_nothing():
    assert [len(row) for row in rows(["", "  "])] == [2, 2]  # _ and __


def test_hash_ngrams_fills_the_buckets_evenly():
    rng = np.random.default_rng(0)
    texts = ["".join(chr(c) for c in rng.integers(0xAC00, 0xD7A3, 40)) for _ in range(500)]
    counts = np.bincount(hash_ngrams(texts, longest=3, buckets=256).values, minlength=256)
    counts = np.delete(counts, counts.argmax())  # the mark, which every text has
    assert counts.min() > 0.7 * counts.mean()
    assert counts.max() < 1.3 * counts.mean()


def test_hash_ngrams_reads_so_many_characters_and_no_more():
    long = "ab" * CHARACTERS
    assert rows([long]) == rows([long + "xyz"])
    assert rows([long[:100] + "xyz"]) != rows([long[:100]])


def test_hash_ngrams_of_no_texts_is_empty():
    assert len(hash_ngrams([], longest=2, buckets=256)) == 0


def test_hash_words_counts_each_distinct_run_once():
    found = [len(row) for row in rows(["a b a b", "word", "", "a b c"], hashed=hash_words)]
    assert found == [2 + 2 + 2, 1, 0, 3 + 2 + 1]  # a b ab ba aba bab


def test_hash_words_gives_the_same_places_as_ever():
    assert rows(["ab c"], longest=2, buckets=1000, hashed=hash_words) == [[516, 685, 927]]


def test_hash_words_of_a_text_does_not_depend_on_its_neighbours(monkeypatch):
    texts = ["good film", "", "영화 최고", "  ", "🙂 wow film", "x" * 50]
    together = rows(texts, hashed=hash_words)
    assert together == [rows([text], hashed=hash_words)[0] for text in texts]
    monkeypatch.setattr(ngrams, "CHARACTERS_AT_ONCE", 20)
    assert rows(texts, hashed=hash_words) == together


def test_hash_words_tells_orders_and_lengths_apart_and_no_capitals_or_spaces():
    one, other = (set(row) for row in rows(["ab ba", "ba ab"], longest=2, hashed=hash_words))
    assert len(one & other) == 2  # the words, not the pair
    assert len({rows([text], hashed=hash_words)[0][0] for text in ("a", "aa", "aaa", "b")}) == 4
    assert rows(["Ｐrofit  UP "], hashed=hash_words) == rows(["profit up"], hashed=hash_words)


def test_hash_words_reads_a_word_without_end_as_far_as_characters_are_read():
    long = "ab" * CHARACTERS
    assert rows([long], hashed=hash_words) == rows([long + "xyz"], hashed=hash_words)
    assert len(rows(["ﷺ" * CHARACTERS], hashed=hash_words)[0]) > 0
