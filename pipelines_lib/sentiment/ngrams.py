"""Character n-grams of texts, hashed to places of a fixed number.

The same text has the same places in every process and on every machine.
"""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipelines_lib.sentiment.ragged import Ragged

CHARACTERS = 2_000
"""Characters of a text whose n-grams are taken; the rest hardly changes the bag any more."""
CHARACTERS_AT_ONCE = 300_000
"""Characters hashed together: enough to be quick, few enough to need some 100 MB."""
FACTOR = np.uint64(0x100000001B3)
"""Base of the polynomial that an n-gram's code points are the digits of; it wraps at 2**64."""


def hash_ngrams(texts: Sequence[str], *, longest: int, buckets: int) -> Ragged:
    """Return the places, 0 to `buckets` - 1, of each text's n-grams of 1 to `longest` characters.

    Texts are brought to Unicode's form NFKC, capitals to small letters; white space, however much,
    counts as one `_`, and stands at both ends too. Each place stands once a text, in ascending
    order; no text is without.
    """
    read = np.cumsum([min(len(text), CHARACTERS) for text in texts])
    bounds = np.flatnonzero(np.diff(read // CHARACTERS_AT_ONCE)) + 1
    starts = [0, *bounds.tolist(), len(texts)] if len(texts) else []
    parts = [_hash_some(texts[a:b], longest, buckets) for a, b in pairwise(starts)]
    return Ragged.join(parts)


def _hash_some(texts: Sequence[str], longest: int, buckets: int) -> Ragged:
    marked = [_mark(text) for text in texts]
    points = np.frombuffer("".join(marked).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    text = np.repeat(np.arange(len(marked)), [len(each) for each in marked])  # of each character
    points = points.astype(np.uint64) + np.uint64(1)
    rolling = np.zeros(len(points), dtype=np.uint64)
    keys = []
    for size in range(1, longest + 1):
        n_starts = len(points) - size + 1
        rolling = rolling[:n_starts] * FACTOR + points[size - 1 :]
        within = text[size - 1 :] == text[:n_starts]
        places = _scatter(rolling[within] + np.uint64(size)) % np.uint64(buckets)
        keys.append(text[:n_starts][within] * buckets + places.astype(np.int64))
    # Sorted rather than np.unique, whose hash table takes many times as long.
    ordered = np.sort(np.concatenate(keys))
    unique = ordered[np.diff(ordered, prepend=-1) > 0]
    counts = np.bincount(unique // buckets, minlength=len(marked))
    return Ragged.of((unique % buckets).astype(np.int32), counts)


def _mark(text: str) -> str:
    words = unicodedata.normalize("NFKC", text[:CHARACTERS]).casefold()[:CHARACTERS].split()
    return f"_{'_'.join(words)}_"


def _scatter(values: np.ndarray) -> np.ndarray:
    """Mix the bits of each value, so that like n-grams lie anywhere (splitmix64's finaliser)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
