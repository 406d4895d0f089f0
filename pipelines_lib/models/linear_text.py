"""Linear answer to a text: the places of its n-grams and words, weighed by how rare they are.

Shapes: B batch, P places of a block, M entries of the batch, C classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class LinearText(nn.Module):
    """Map blocks of places to logits: the sum over TF-IDF weights times coefficients.

    A place of a text weighs its inverse document frequency, 0 where no training text had it; the
    weights of each block have length 1. How often a place stands in a text does not count. Nothing
    here learns by gradients: the coefficients are solved for.
    """

    def __init__(self, places: Sequence[int], *, n_classes: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(LinearBlock(n, n_classes=n_classes) for n in places)
        self.register_buffer("bias", torch.zeros(n_classes))
        self.bias: Tensor

    def forward(self, blocks: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """Map (places (M,), where each text's begin (B,)) of each block to logits (B, C)."""
        parts = [block(*each) for block, each in zip(self.blocks, blocks, strict=True)]
        return self.bias + torch.stack(parts).sum(0)


class LinearBlock(nn.Module):
    """The part of the sum that one kind of places has."""

    def __init__(self, places: int, *, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("rarity", torch.zeros(places))
        self.register_buffer("coefficients", torch.zeros(places, n_classes))
        self.rarity: Tensor
        self.coefficients: Tensor

    def forward(self, places: Tensor, starts: Tensor) -> Tensor:
        """Map places (M,) and where each text's begin (B,) to its part of the logits (B, C)."""
        rarity = self.rarity[places]
        # Summed text by text: a running sum over the batch would round by its neighbours.
        squares = functional.embedding_bag(
            places, self.rarity.square().unsqueeze(-1), starts, mode="sum"
        )
        sums = functional.embedding_bag(
            places, self.coefficients, starts, mode="sum", per_sample_weights=rarity
        )
        # A text of nothing known has length 0, and its sums are 0.
        return sums / squares.sqrt().clamp(min=1e-12)
