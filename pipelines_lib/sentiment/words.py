"""From the weights of tokens to those of the words, or characters, that they are pieces of."""

import re
from collections.abc import Sequence

import numpy as np


def merge_words(
    text: str, spans: Sequence[tuple[int, int]], weights: np.ndarray
) -> list[tuple[str, float]]:
    """Return the words of a text that were read, in their order, and what their pieces weigh.

    Args:
        text: The text; words stand between white space.
        spans: Where each token stands, start and end, ascending; the space before a word may be a
            token of its own or part of the word's first: it counts for that word.
        weights: Weight of each token (T,).

    Returns:
        A word and its weight each; nothing where there is no word.
    """
    words = [(found.group(), found.end()) for found in re.finditer(r"\S+", text)]
    if not words or not len(spans):
        return []
    # The last character of a token lies in its word, and where it is a space, before it.
    last = np.array([max(start, end - 1) for start, end in spans])
    number = np.searchsorted([end for _, end in words], last, side="right")
    number = np.minimum(number, len(words) - 1)
    totals = np.bincount(number, weights=weights)
    return [(word, float(total)) for (word, _), total in zip(words, totals, strict=False)]


def merge_characters(
    text: str, spans: Sequence[tuple[int, int]], weights: np.ndarray
) -> list[tuple[str, float]]:
    """Return the characters of a text that were read, and what each weighs.

    One that is several in Unicode's form NFKC, as the ligature fi is, has the sum of their weights.
    Arguments are those of `merge_words`.
    """
    if not len(spans):
        return []
    starts, ends = np.array(spans).T
    first = np.flatnonzero(np.diff(starts, prepend=-1))
    totals = np.add.reduceat(weights, first)
    return [
        (text[starts[place] : ends[place]], float(total))
        for place, total in zip(first, totals, strict=True)
    ]
