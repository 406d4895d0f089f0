"""What a text classifier is: tokens, network, n-grams, training."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines_lib.config.base import LARGEST_SEED, Config, shaped
from pipelines_lib.config.training import TrainingConfig

USUAL = {"negative": -1.0, "neutral": 0.0, "positive": 1.0, "0": -1.0, "1": 1.0}
"""Polarity of classes by their usual names."""


class TokenizerConfig(Config):
    """From text to tokens; learned from the training documents alone."""

    kind: Literal["unigram", "bpe", "character"] = Field(
        "unigram", description="unigram, bpe: pieces of words; character: every character."
    )
    vocabulary: int = Field(16_000, ge=16, le=200_000, description="Tokens at most.")
    max_tokens: int = Field(
        200, ge=1, le=10_000, description="Tokens of a document that are read; the rest is not."
    )


class NgramConfig(Config):
    """A bag of character n-grams beside the recurrent network."""

    longest: int = Field(
        4, ge=0, le=8, description="Characters of the longest n-gram; 0: no n-grams."
    )
    buckets: int = Field(
        262_144, ge=256, le=4_194_304, description="Places that n-grams are hashed to."
    )
    size: int = Field(16, ge=1, le=512, description="Numbers kept for each place.")
    dropout: float = Field(
        0.5, ge=0, lt=1, description="Share of a document's n-grams left out in training."
    )


class LinearConfig(Config):
    """A linear answer beside the networks: logistic regression over characters and words."""

    strength: float = Field(
        3.0,
        ge=0,
        le=10_000,
        description="Inverse of the penalty on squared coefficients; 0: no linear answer.",
    )
    characters: int = Field(
        4, ge=0, le=8, description="Characters of the longest n-gram that it reads; 0: words alone."
    )
    words: int = Field(
        2, ge=0, le=8, description="Words of the longest run that it reads; 0: characters alone."
    )
    buckets: int = Field(
        262_144,
        ge=256,
        le=4_194_304,
        description="Places that n-grams are hashed to, and as many others for runs of words.",
    )

    @property
    def blocks(self) -> list[Literal["characters", "words"]]:
        """Return what is read, each with lengths and places of its own; empty: no such answer."""
        if not self.strength:
            return []
        longest: dict[Literal["characters", "words"], int] = {
            "characters": self.characters,
            "words": self.words,
        }
        return [name for name, size in longest.items() if size]


class TextSplitConfig(Config):
    """Which documents train, stop the training and judge."""

    order: Literal["random", "time"] = Field(
        "random",
        description="random: parts drawn from each class, the same for the same seed; time: the "
        "newest documents judge, those before them validate.",
    )
    validation_share: float = Field(
        0.05, gt=0, lt=0.5, description="Share that calibrates and shows when to stop."
    )
    test_share: float = Field(0.1, gt=0, lt=0.5, description="Share that the model is judged on.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="random: seed of the draw.")


class ClassifierConfig(Config):
    """A bidirectional LSTM, pooled by attention, a bag of n-grams and a linear answer."""

    tokenizer: TokenizerConfig = Field(default_factory=TokenizerConfig, description="Tokens.")
    embedding: int = Field(128, ge=1, le=4096, description="Numbers of a token's embedding.")
    hidden: int = Field(192, ge=1, le=4096, description="Units of each direction of a layer.")
    layers: int = Field(1, ge=1, le=8, description="Stacked bidirectional layers.")
    pooling: Literal["attention", "attention_and_max"] = Field(
        "attention_and_max",
        description="attention: weighted mean of the steps; attention_and_max: the largest value "
        "of each unit beside it.",
    )
    dropout: float = Field(
        0.3, ge=0, lt=1, description="Dropout of embeddings, between layers and at the head."
    )
    token_dropout: float = Field(
        0.05, ge=0, lt=1, description="Share of tokens made unknown in training."
    )
    label_smoothing: float = Field(
        0.05, ge=0, lt=1, description="Share of a label's weight spread over all classes."
    )
    ngrams: NgramConfig = Field(default_factory=NgramConfig, description="The bag of n-grams.")
    linear: LinearConfig = Field(
        default_factory=LinearConfig, description="The linear answer over characters and words."
    )
    members: int = Field(
        1, ge=1, le=20, description="Networks of other seeds whose probabilities are averaged."
    )
    values: list[Annotated[str, shaped(pattern=r"^.+=-?[\d.]+$")]] = Field(
        default_factory=list,
        description="Polarity of each class, -1 to 1, one `class=value` each; empty: known of "
        "classes named negative, neutral and positive or 0 and 1, others have none.",
    )
    split: TextSplitConfig = Field(default_factory=TextSplitConfig, description="The parts.")
    training: TrainingConfig = Field(
        default_factory=lambda: TrainingConfig(
            max_epochs=3,
            batch_size=128,
            learning_rate=3e-3,
            schedule="cosine",
            warmup_steps=300,
            weight_averaging=0.999,
            weight_decay=0.01,
            keep="last",
            windows_per_epoch=10_000_000,
        ),
        description="The training loop; a window is a document here, the loss cross entropy. Where "
        "only some fields are given, the others have the defaults of any training, not these.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for entry in self.values:
            name, _, value = entry.rpartition("=")
            try:
                fits = bool(name) and -1 <= float(value) <= 1
            except ValueError:
                fits = False
            if not fits:
                raise ValueError(f"values has {entry!r}: write it as class=value, -1 to 1")
        if self.training.loss != TrainingConfig().loss:
            raise ValueError(
                f"training.loss is {self.training.loss!r}: a classifier learns by cross entropy, "
                "leave it out"
            )
        if self.split.validation_share + self.split.test_share >= 0.9:
            raise ValueError(
                "split.validation_share and split.test_share leave less than a tenth to learn "
                "from: lower them"
            )
        return self

    @property
    def answers(self) -> list[str]:
        """Return what answers beside each other, in the order of the logits."""
        ngrams = ["ngrams"] if self.ngrams.longest else []
        return ["lstm", *ngrams, *(["linear"] if self.linear.blocks else [])]

    def polarity_of(self, classes: Sequence[str]) -> list[float] | None:
        """Return the polarity of each class; None: they have none.

        Raises:
            ValueError: Some classes have a polarity and others none.
        """
        given = {name: float(value) for name, _, value in (e.rpartition("=") for e in self.values)}
        known = given or USUAL
        if not given and not set(classes) <= set(USUAL):
            return None
        missing = sorted(set(classes) - set(known))
        if missing:
            raise ValueError(f"values names no polarity of {', '.join(missing)}: add it")
        return [known[name] for name in classes]
