"""Text classifier: a bidirectional LSTM over tokens, and a bag of n-grams that answers beside it.

Shapes: B batch, T tokens, E embedding, H units of a direction, C classes, M n-grams of the batch,
A answers: the recurrent network's, then the bag's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.models.bidirectional import Bidirectional
from pipelines_lib.models.network import known

PAD, UNKNOWN = 0, 1
"""Numbers of the tokens that every vocabulary has."""


@dataclass(frozen=True, slots=True)
class TextInputs:
    """One batch of texts.

    `tokens` (B, T), padded behind with `PAD`, and `lengths` (B,), at least 1. `ngrams` (M,): the
    places of all texts' n-grams, one text's after another's, and `ngram_starts` (B,) where each
    begins; None where the network reads none.
    """

    tokens: Tensor
    lengths: Tensor
    ngrams: Tensor | None = None
    ngram_starts: Tensor | None = None


class TextNetwork(nn.Module):
    """Map texts to the logits of each class (B, A, C): one answer, or two with n-grams.

    The two share no weights and learn beside each other: what sum of them is best is a question to
    texts that neither has learned from.
    """

    def __init__(self, config: ClassifierConfig, *, n_tokens: int, n_classes: int) -> None:
        super().__init__()
        self.recurrent = RecurrentText(config, n_tokens=n_tokens, n_classes=n_classes)
        self.bag = NgramBag(config, n_classes=n_classes) if config.ngrams.longest else None

    def forward(self, inputs: TextInputs) -> Tensor:
        """Map a batch to logits (B, A, C)."""
        logits, _ = self.recurrent(inputs.tokens, inputs.lengths)
        if self.bag is None:
            return logits.unsqueeze(1)
        ngrams, starts = known(inputs.ngrams, "ngrams"), known(inputs.ngram_starts, "ngram_starts")
        return torch.stack((logits, self.bag(ngrams, starts)), dim=1)

    def attend(self, inputs: TextInputs) -> Tensor:
        """Return how much each token weighs (B, T); those of a text sum to 1, padding has 0."""
        _, weights = self.recurrent(inputs.tokens, inputs.lengths)
        return weights


class RecurrentText(nn.Module):
    """Embed tokens, read them in both directions, pool the steps by attention, answer."""

    def __init__(self, config: ClassifierConfig, *, n_tokens: int, n_classes: int) -> None:
        super().__init__()
        self.dropout, self.token_dropout = config.dropout, config.token_dropout
        self.embedding = nn.Embedding(n_tokens, config.embedding, padding_idx=PAD)
        width = 2 * config.hidden
        sizes = [config.embedding] + [width] * (config.layers - 1)
        self.layers = nn.ModuleList(Bidirectional(size, config.hidden) for size in sizes)
        self.attention = nn.Sequential(
            nn.Linear(width, config.hidden), nn.Tanh(), nn.Linear(config.hidden, 1)
        )
        self.with_max = config.pooling == "attention_and_max"
        self.head = nn.Linear(2 * width if self.with_max else width, n_classes)
        with torch.no_grad():
            self.embedding.weight.normal_(0, 0.1)[PAD] = 0

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map tokens (B, T) to logits (B, C) and the weight of each token (B, T)."""
        step = torch.arange(tokens.shape[1], device=tokens.device)
        real = step < lengths[:, None]
        # The place that a step has in its text read backwards; padding stays where it is.
        mirrored = torch.where(real, lengths[:, None] - 1 - step, step)
        if self.training and self.token_dropout:
            unknown = torch.rand(tokens.shape, device=tokens.device) < self.token_dropout
            tokens = tokens.masked_fill(unknown & real, UNKNOWN)
        states = self._drop(self.embedding(tokens))
        for layer in self.layers:
            states = self._drop(layer(states, mirrored))
        states = states.float()  # sums over hundreds of steps need more digits than bfloat16 has
        outside = ~real
        scores = self.attention(states).float().squeeze(-1).masked_fill(outside, -torch.inf)
        weights = scores.softmax(1)
        pooled = torch.einsum("bt,btd->bd", weights, states)
        if self.with_max:
            highest = states.masked_fill(outside.unsqueeze(-1), -torch.inf).amax(1)
            pooled = torch.cat((pooled, highest), -1)
        logits: Tensor = self.head(functional.dropout(pooled, self.dropout, self.training))
        return logits.float(), weights

    def _drop(self, states: Tensor) -> Tensor:
        """Drop units of (B, T, D), the same at all steps of a text (Gal and Ghahramani 2016)."""
        if not self.training or self.dropout == 0:
            return states
        mask = states.new_ones(len(states), 1, states.shape[2])
        return states * functional.dropout(mask, self.dropout)


class NgramBag(nn.Module):
    """Answer by the vectors of the n-grams of a text, summed and divided by the root of how many.

    The root keeps the sums of short and of long texts alike in size: n-grams are nearly
    independent, so that a sum of n grows as the root of n.
    """

    def __init__(self, config: ClassifierConfig, *, n_classes: int) -> None:
        super().__init__()
        self.dropout = config.ngrams.dropout
        self.vectors = nn.EmbeddingBag(config.ngrams.buckets, config.ngrams.size, mode="sum")
        self.head = nn.Linear(config.ngrams.size, n_classes)
        nn.init.normal_(self.vectors.weight, 0, 0.02)

    def forward(self, ngrams: Tensor, starts: Tensor) -> Tensor:
        """Map places (M,) and where each text's begin (B,) to logits (B, C)."""
        counts = torch.diff(starts, append=starts.new_tensor([len(ngrams)]))
        kept = None
        if self.training and self.dropout:
            kept = functional.dropout(torch.ones(len(ngrams), device=ngrams.device), self.dropout)
        summed = self.vectors(ngrams, starts, per_sample_weights=kept)
        logits: Tensor = self.head(summed / counts.clamp(min=1).float().sqrt().unsqueeze(-1))
        return logits.float()
