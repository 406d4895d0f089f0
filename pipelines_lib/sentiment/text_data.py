"""Encoded texts on the device, batches of like lengths gathered from them by number.

Shapes: N texts, B batch, T tokens of the longest text of a batch, M n-grams of a batch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.models.text import PAD, TextInputs
from pipelines_lib.sentiment.ngrams import hash_ngrams, hash_words
from pipelines_lib.sentiment.ragged import Ragged
from pipelines_lib.sentiment.tokenizer import TextTokenizer
from pipelines_lib.training import TrainingData

Hash = Callable[..., Ragged]
"""`hash_ngrams` or `hash_words`."""
CELLS = 131_072
"""Tokens of a batch, padding included, that is only judged: long texts take smaller batches."""


@dataclass(frozen=True)
class _Rows:
    """Rows of different lengths on the device."""

    values: Tensor
    starts: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, rows: Ragged, device: torch.device) -> "_Rows":
        return cls(
            torch.as_tensor(rows.values, device=device),
            torch.as_tensor(rows.starts[:-1], device=device),
            torch.as_tensor(rows.lengths, device=device),
        )

    def first(self, n_rows: int) -> Ragged:
        """Return the first rows."""
        lengths = self.lengths[:n_rows].cpu().numpy()
        return Ragged.of(self.values[: lengths.sum()].cpu().numpy(), lengths)

    def padded(self, rows: Tensor, longest: int) -> Tensor:
        """Gather rows (B,) as (B, T), padded behind."""
        step = torch.arange(longest, device=rows.device)
        outside = step >= self.lengths[rows, None]
        places = (self.starts[rows, None] + step).masked_fill_(outside, 0)
        return self.values[places].masked_fill_(outside, PAD)

    def flat(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Gather rows (B,) behind each other (M,), and where each begins (B,)."""
        lengths = self.lengths[rows]
        begins = lengths.cumsum(0) - lengths
        total = int(lengths.sum())
        shift = torch.repeat_interleave(self.starts[rows] - begins, lengths, output_size=total)
        places = torch.arange(total, device=rows.device) + shift
        return self.values[places], begins.to(self.values.dtype)


@dataclass(frozen=True)
class TextData(TrainingData):
    """Texts as a network reads them, and the number of each one's class."""

    tokens: _Rows
    ngrams: _Rows | None
    terms: list[_Rows]
    """What the linear answer reads, block by block."""
    lengths: Tensor
    """Tokens of each text (N,), on the CPU."""
    targets: Tensor
    """Class of each text (N,) int64; zeros where they are not known."""

    @classmethod
    def make(
        cls,
        texts: Sequence[str],
        *,
        tokenizer: TextTokenizer,
        config: ClassifierConfig,
        device: torch.device,
        targets: np.ndarray | None = None,
    ) -> "TextData":
        """Encode texts and put them on the device."""
        tokens = tokenizer.encode(texts)
        bag, linear = config.ngrams, config.linear

        @cache  # bag and linear answer may read the same n-grams
        def hashed(hash_runs: Hash, longest: int, buckets: int) -> _Rows:
            return _Rows.of(hash_runs(texts, longest=longest, buckets=buckets), device)

        ngrams = hashed(hash_ngrams, bag.longest, bag.buckets) if bag.longest else None
        kinds: dict[str, tuple[Hash, int]] = {
            "characters": (hash_ngrams, linear.characters),
            "words": (hash_words, linear.words),
        }
        terms = [hashed(*kinds[name], linear.buckets) for name in linear.blocks]
        classes = np.zeros(len(texts), dtype=np.int64) if targets is None else targets
        return cls(
            _Rows.of(tokens, device),
            ngrams,
            terms,
            torch.as_tensor(tokens.lengths),
            torch.tensor(classes, dtype=torch.int64, device=device),
        )

    @property
    def device(self) -> torch.device:
        """Return where the texts lie."""
        return self.targets.device

    def inputs(self, rows: Tensor) -> TextInputs:
        """Gather what a network sees of these texts (B,)."""
        lengths = self.tokens.lengths[rows]
        longest = int(self.lengths[rows.cpu()].max())
        tokens = self.tokens.padded(rows, longest)
        if self.ngrams is None:
            return TextInputs(tokens, lengths)
        return TextInputs(tokens, lengths, *self.ngrams.flat(rows))

    def blocks(self, rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Gather what the linear answer sees of these texts (B,): places, and where texts begin."""
        return [block.flat(rows) for block in self.terms]

    def first(self, n_texts: int) -> list[Ragged]:
        """Return what the linear answer learns from: the first texts, block by block."""
        return [block.first(n_texts) for block in self.terms]

    def batch(self, origins: Tensor) -> tuple[TextInputs, Tensor]:
        """Gather what a network sees of these texts (B,), and their classes (B,)."""
        return self.inputs(origins), self.targets[origins]

    def batches(
        self, drawn: Tensor, batch_size: int, shuffle: torch.Generator | None
    ) -> Iterable[Tensor]:
        """Put texts of like lengths into a batch, so that little of it is padding.

        Texts of one length stay as they were drawn; with `shuffle` the batches come in random
        order, else from short to long, in smaller batches where texts are long.
        """
        order = torch.argsort(self.lengths[drawn.cpu()], stable=True)
        parts = drawn[order.to(drawn.device)].split(batch_size)
        if shuffle is not None:
            return [parts[i] for i in torch.randperm(len(parts), generator=shuffle).tolist()]
        longest = [int(self.lengths[part[-1].cpu()]) for part in parts]
        return [
            piece
            for part, length in zip(parts, longest, strict=True)
            for piece in part.split(max(1, CELLS // length))
        ]
