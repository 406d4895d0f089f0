"""From texts to the numbers of their tokens, learned from training texts alone.

Every tokenizer brings texts to Unicode's form NFKC first and keeps upper and lower case.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from pipelines_lib.config import TokenizerConfig
from pipelines_lib.errors import BundleError, TrainingError
from pipelines_lib.models.text import UNKNOWN
from pipelines_lib.sentiment.ragged import Ragged

SPECIAL = ["[PAD]", "[UNK]"]
"""Tokens of every vocabulary, at the numbers `PAD` and `UNKNOWN`."""
LEARNED_FROM = 50_000
"""Texts that a vocabulary is learned from at most, evenly spread: more cost minutes and change it
little."""
TEXTS_AT_ONCE = 5_000
"""Texts encoded together: what the library returns of a text is far larger than its numbers."""
ROUNDS = 2
"""Times that the weights of a unigram vocabulary are counted anew."""
GRID = 1024
"""Weights are whole multiples of one part in so many."""


@dataclass(frozen=True)
class TextTokenizer:
    """A learned tokenizer; it cuts texts at the `max_tokens` of its config."""

    tokenizer: Tokenizer

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    @property
    def by_character(self) -> bool:
        """Return whether every character is a token."""
        return isinstance(self.tokenizer.model, models.WordLevel)

    def encode(self, texts: Sequence[str]) -> Ragged:
        """Return the tokens' numbers of each text; a text without any is one `UNKNOWN`."""
        parts = []
        for first in range(0, len(texts), TEXTS_AT_ONCE):
            some = [_sound(text) for text in texts[first : first + TEXTS_AT_ONCE]]
            found = [each.ids or [UNKNOWN] for each in self.tokenizer.encode_batch_fast(some)]
            lengths = [len(each) for each in found]
            numbers = np.fromiter(chain.from_iterable(found), np.int32, sum(lengths))
            parts.append(Ragged.of(numbers, lengths))
        return Ragged.join(parts)

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return where in its text each token stands, start and end; an empty text has none."""
        found = self.tokenizer.encode_batch([_sound(text) for text in texts])
        return [each.offsets for each in found]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(self.tokenizer.to_str(pretty=True), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "TextTokenizer":
        """Read what `save` wrote.

        Raises:
            BundleError: The file is missing or no tokenizer.
        """
        try:
            return cls(Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except Exception as error:  # the library raises no type of its own
            raise BundleError(f"{path} is no tokenizer: {error}; train the model again") from error


def train_tokenizer(texts: Sequence[str], config: TokenizerConfig) -> TextTokenizer:
    """Learn a vocabulary from texts: the same texts in the same order give the same one.

    It is smaller than asked where the texts have no more to give.

    Raises:
        TrainingError: The texts have more characters than a unigram vocabulary may have tokens.
    """
    every = -(-max(1, len(texts)) // LEARNED_FROM)
    chosen = [_sound(text) for text in texts[::every]]
    match config.kind:
        case "unigram":
            tokenizer = _train_unigram(chosen, config.vocabulary)
        case "bpe":
            tokenizer = _start(models.BPE(unk_token=SPECIAL[UNKNOWN], fuse_unk=True))
            tokenizer.train_from_iterator(
                chosen,
                trainers.BpeTrainer(
                    vocab_size=config.vocabulary, special_tokens=SPECIAL, show_progress=False
                ),
            )
        case "character":
            tokenizer = _train_characters(chosen, config.vocabulary)
    tokenizer.enable_truncation(config.max_tokens)
    return TextTokenizer(tokenizer)


def _start(model: models.Model) -> Tokenizer:
    """Return an untrained tokenizer of pieces of words, in which every digit stands alone."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    return tokenizer


def _train_unigram(texts: list[str], vocabulary: int) -> Tokenizer:
    """Learn which pieces there are, then weigh them by how often each is used.

    The library's own weights go by the order of a hash table, another one in every process. Counts
    of the likeliest cuts (Viterbi training), from the cuts of fewest pieces on, do not. Nor does
    the library take a word whole that is no part of another: where there is room left, as in small
    corpora, the most frequent ones fill it.
    """
    tokenizer = _start(models.Unigram())
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        unk_token=SPECIAL[UNKNOWN],
        shrinking_factor=0.5,  # half the rounds of the usual 0.75, and as few tokens a text
        show_progress=False,
    )
    try:
        tokenizer.train_from_iterator(texts, trainer)
    except Exception as error:  # the library raises no type of its own
        raise TrainingError(
            f"cannot learn {vocabulary} tokens: {error}; raise tokenizer.vocabulary, or set "
            "tokenizer.kind=bpe"
        ) from error
    found = set(tokenizer.get_vocab()) - set(SPECIAL)
    words = _count_words(texts, tokenizer)
    often = sorted(
        (word for word in words.keys() - found if words[word] > 1),
        key=lambda word: (-words[word], word),
    )
    pieces = sorted(found | set(often[: max(0, vocabulary - len(SPECIAL) - len(found))]))
    weights = np.full(len(pieces), -10.0)
    for _ in range(ROUNDS):
        tokenizer.model = _make_unigram(pieces, weights)
        used = TextTokenizer(tokenizer).encode(texts).values
        counts = np.bincount(used, minlength=len(tokenizer.get_vocab()))[len(SPECIAL) :]
        weights = np.log(np.maximum(counts, 0.5) / max(1, counts.sum()))
        # Exact in JSON, and so are their sums: else ties between cuts could fall another way when
        # the tokenizer is read again.
        weights = np.round(weights * GRID) / GRID
    tokenizer.model = _make_unigram(pieces, weights)
    return tokenizer


def _make_unigram(pieces: list[str], weights: np.ndarray) -> models.Unigram:
    """Return the model of these pieces, behind the special tokens, and their log-probabilities."""
    weighted = zip(pieces, weights.tolist(), strict=True)
    return models.Unigram([(name, 0.0) for name in SPECIAL] + list(weighted), unk_id=UNKNOWN)


def _count_words(texts: list[str], tokenizer: Tokenizer) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        cut = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
        counts.update(word for word, _ in cut)
    return counts


def _train_characters(texts: list[str], vocabulary: int) -> Tokenizer:
    """Take the most frequent characters, spaces among them."""
    normalizer = normalizers.NFKC()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(normalizer.normalize_str(text))
    frequent = sorted(counts, key=lambda character: (-counts[character], character))
    tokens = SPECIAL + frequent[: vocabulary - len(SPECIAL)]
    numbers = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return tokenizer


def _sound(text: str) -> str:
    """Return the text with halves of broken surrogate pairs as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
