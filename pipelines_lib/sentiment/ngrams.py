"""Runs of characters and of words of texts, hashed to places of a fixed number.

The same text has the same places in every process and on every machine.
"""

import unicodedata
from collections.abc import Callable, Sequence
from itertools import chain, pairwise

import numpy as np

from pipelines_lib.sentiment.ragged import Ragged

CHARACTERS = 2_000
"""Characters of a text whose n-grams are taken; the rest hardly changes the bag any more."""
CHARACTERS_AT_ONCE = 300_000
"""Characters hashed together: enough to be quick, few enough to need some 100 MB."""
FACTOR = np.uint64(0x100000001B3)
"""Base of the polynomial that an n-gram's code points are the digits of; it wraps at 2**64."""
POWERS = FACTOR ** np.arange(CHARACTERS, dtype=np.uint64)
"""Of each digit of a word."""


def hash_ngrams(texts: Sequence[str], *, longest: int, buckets: int) -> Ragged:
    """Return the places, 0 to `buckets` - 1, of each text's n-grams of 1 to `longest` characters.

    Texts are brought to Unicode's form NFKC, capitals to small letters; white space, however much,
    counts as one `_`, and stands at both ends too. Each place stands once a text, in ascending
    order; no text is without.
    """

    def hash_some(some: Sequence[str]) -> Ragged:
        marked = [f"_{'_'.join(_words(text))}_" for text in some]
        text = np.repeat(np.arange(len(marked)), [len(each) for each in marked])
        return _hash_runs(_points(marked), text, len(marked), longest, buckets)

    return _in_parts(texts, hash_some)


def hash_words(texts: Sequence[str], *, longest: int, buckets: int) -> Ragged:
    """Return the places, 0 to `buckets` - 1, of each text's runs of 1 to `longest` words.

    Words are what white space parts; the rest is as with `hash_ngrams`, but a text without words
    has no place.
    """

    def hash_some(some: Sequence[str]) -> Ragged:
        of_texts = [_words(text) for text in some]
        words = list(chain.from_iterable(of_texts))
        text = np.repeat(np.arange(len(some)), [len(each) for each in of_texts])
        lengths = np.array([len(word) for word in words], dtype=np.int64)
        starts = lengths.cumsum() - lengths
        digit = np.arange(lengths.sum()) - np.repeat(starts, lengths)
        values = _scatter(np.add.reduceat(_points(words) * POWERS[digit], starts))
        return _hash_runs(values, text, len(some), longest, buckets)

    return _in_parts(texts, hash_some)


def _in_parts(texts: Sequence[str], hash_some: Callable[[Sequence[str]], Ragged]) -> Ragged:
    """Hash texts a bounded number of characters at once."""
    read = np.cumsum([min(len(text), CHARACTERS) for text in texts])
    bounds = np.flatnonzero(np.diff(read // CHARACTERS_AT_ONCE)) + 1
    starts = [0, *bounds.tolist(), len(texts)] if len(texts) else []
    return Ragged.join([hash_some(texts[a:b]) for a, b in pairwise(starts)])


def _points(strings: Sequence[str]) -> np.ndarray:
    """Return the code points of all strings, plus 1, behind each other (N,) uint64."""
    encoded = "".join(strings).encode("utf-32-le", "surrogatepass")
    return np.frombuffer(encoded, dtype="<u4").astype(np.uint64) + np.uint64(1)


def _hash_runs(
    values: np.ndarray, text: np.ndarray, n_texts: int, longest: int, buckets: int
) -> Ragged:
    """Hash the runs of up to `longest` values (N,) that lie within one text (N,), ascending."""
    rolling = np.zeros(len(values), dtype=np.uint64)
    keys = [np.zeros(0, dtype=np.int64)]
    for size in range(1, min(longest, len(values)) + 1):
        n_starts = len(values) - size + 1
        rolling = rolling[:n_starts] * FACTOR + values[size - 1 :]
        within = text[size - 1 :] == text[:n_starts]
        places = _scatter(rolling[within] + np.uint64(size)) % np.uint64(buckets)
        keys.append(text[:n_starts][within] * buckets + places.astype(np.int64))
    # Sorted rather than np.unique, whose hash table takes many times as long.
    ordered = np.sort(np.concatenate(keys))
    unique = ordered[np.diff(ordered, prepend=-1) > 0]
    counts = np.bincount(unique // buckets, minlength=n_texts)
    return Ragged.of((unique % buckets).astype(np.int32), counts)


def _words(text: str) -> list[str]:
    return unicodedata.normalize("NFKC", text[:CHARACTERS]).casefold()[:CHARACTERS].split()


def _scatter(values: np.ndarray) -> np.ndarray:
    """Mix the bits of each value, so that like n-grams lie anywhere (splitmix64's finaliser)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
