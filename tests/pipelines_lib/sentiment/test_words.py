"""Weights of tokens, added up to words."""

import numpy as np
import pytest

from pipelines_lib.sentiment.words import merge_characters, merge_words


def test_merge_words_adds_the_pieces_of_a_word():
    text = "very unhappy film"
    spans = [(0, 4), (4, 7), (7, 12), (12, 17)]  # very| un|happy| film
    found = merge_words(text, spans, np.array([0.1, 0.2, 0.3, 0.4]))
    assert found == [("very", 0.1), ("unhappy", 0.5), ("film", 0.4)]


def test_merge_words_counts_a_space_for_the_word_after_it():
    # "a bc", its space a token of its own; and no first space for "a".
    found = merge_words("a bc", [(0, 1), (1, 2), (2, 4)], np.array([0.5, 0.2, 0.3]))
    assert found == [("a", 0.5), ("bc", 0.5)]


def test_merge_words_leaves_out_words_that_were_not_read():
    assert merge_words("one two three", [(0, 3)], np.array([1.0])) == [("one", 1.0)]


def test_merge_words_gives_white_space_at_the_end_to_the_last_word():
    assert merge_words("one \n", [(0, 3), (3, 5)], np.array([0.75, 0.25])) == [("one", 1.0)]


@pytest.mark.parametrize("text", ["", " \n "])
def test_merge_words_finds_none_in_nothing(text):
    assert merge_words(text, [], np.zeros(0)) == []


def test_merge_characters_shows_a_character_of_several_tokens_once():
    spans = [(0, 1), (1, 2), (1, 2), (2, 3)]  # the ligature is read as f, i
    found = merge_characters("oﬁn", spans, np.array([0.1, 0.2, 0.3, 0.4]))
    assert found == [("o", 0.1), ("ﬁ", 0.5), ("n", 0.4)]
    assert merge_characters("", [], np.array([1.0])) == []
