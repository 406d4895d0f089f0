"""A fitted classifier: texts in, classes, probabilities and polarity out.

Shapes: N texts, C classes, M members, A answers, T tokens of a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.models.linear_text import LinearText
from pipelines_lib.models.text import TextNetwork
from pipelines_lib.sentiment.bundle import load_classifier, save_classifier
from pipelines_lib.sentiment.calibration import Mixture
from pipelines_lib.sentiment.text_data import TextData
from pipelines_lib.sentiment.tokenizer import TextTokenizer
from pipelines_lib.sentiment.words import merge_characters, merge_words
from pipelines_lib.training import one_thread

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Predicted:
    """What a classifier says of N texts, in their order."""

    probabilities: np.ndarray
    """Calibrated, of each class (N, C) float64."""
    label: np.ndarray
    """Name of the likeliest class (N,) object."""
    polarity: np.ndarray
    """Expected polarity (N,) float64, -1 to 1; NaN where the classes have none."""


@dataclass(frozen=True)
class Classifier:
    """Everything that an answer needs."""

    dataset: str
    """Name of the dataset that it learned from."""
    config: ClassifierConfig
    classes: list[str]
    values: list[float] | None
    """Polarity of each class; None: they have none."""
    mixture: Mixture
    tokenizer: TextTokenizer
    network: nn.ModuleList
    """Its members, each a `TextNetwork`."""
    linear: LinearText | None = None
    """The linear answer; None: there is none."""
    seen: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    """Hashes of the texts that it learned from or was calibrated on, ascending."""

    @property
    def answers(self) -> list[str]:
        """Return the names of what answers beside each other, in the order of the logits."""
        return self.config.answers

    @property
    def temperature(self) -> float:
        """Return what the logits are divided by."""
        return self.mixture.temperature

    def predict_texts(
        self, texts: Sequence[str], *, device: torch.device = CPU, batch_size: int = 256
    ) -> Predicted:
        """Say of each text which class it is of, and how likely each is.

        What is said of a text does not depend on the texts beside it, rounding aside.
        """
        if len(texts) == 0:
            return self.describe(np.zeros((0, len(self.classes))))
        logits = self.logits(self.encode(texts, device=device), batch_size=batch_size)
        return self.describe(self.mixture.probabilities(logits))

    def describe(self, probabilities: np.ndarray) -> Predicted:
        """Name the likeliest classes, and reckon the polarity, of probabilities (N, C)."""
        names = np.array(self.classes, dtype=object)
        if self.values is None:
            polarity = np.full(len(probabilities), np.nan)
        else:
            polarity = probabilities @ np.array(self.values)
        return Predicted(probabilities, names[probabilities.argmax(axis=1)], polarity)

    def encode(
        self, texts: Sequence[str], *, device: torch.device, targets: np.ndarray | None = None
    ) -> TextData:
        """Return texts as the networks read them."""
        return TextData.make(
            texts, tokenizer=self.tokenizer, config=self.config, device=device, targets=targets
        )

    @torch.no_grad()
    def logits(self, data: TextData, *, batch_size: int = 256) -> np.ndarray:
        """Return what each member answers (M, N, A, C), float32; the linear answer is of all."""
        members = self._members(data.device)
        linear = None if self.linear is None else self.linear.to(data.device)
        order = torch.arange(len(data.lengths), device=data.device)
        rows, answers = [], []
        with one_thread():
            for batch in data.batches(order, batch_size, None):
                inputs = data.inputs(batch)
                rows.append(batch)
                of_batch = torch.stack([member(inputs) for member in members])
                if linear is not None:
                    further = linear(data.blocks(batch))[None, :, None]
                    of_batch = torch.cat((of_batch, further.expand(len(members), -1, -1, -1)), 2)
                answers.append(of_batch)
        joined = torch.cat(answers, dim=1)
        return joined[:, torch.cat(rows).argsort()].cpu().numpy()

    @torch.no_grad()
    def explain_texts(
        self, texts: Sequence[str], *, device: torch.device = CPU
    ) -> list[list[tuple[str, float]]]:
        """Return how much each word of each text weighed in the attention, in reading order.

        The weights of a text sum to 1; a text without words has none. Where every character is a
        token, characters take the place of words. N-grams are not asked.
        """
        if len(texts) == 0:
            return []
        data, members = self.encode(texts, device=device), self._members(device)
        weights: list[np.ndarray] = [np.zeros(0)] * len(texts)
        with one_thread():
            order = torch.arange(len(texts), device=device)
            for batch in data.batches(order, 256, None):
                inputs = data.inputs(batch)
                mean = torch.stack([member.attend(inputs) for member in members]).mean(0)
                for row, of_text in zip(batch.tolist(), mean.double().cpu().numpy(), strict=True):
                    weights[row] = of_text
        spans = self.tokenizer.spans(texts)
        merge = merge_characters if self.tokenizer.by_character else merge_words
        return [
            merge(text, each, own[: len(each)])
            for text, each, own in zip(texts, spans, weights, strict=True)
        ]

    def _members(self, device: torch.device) -> list[TextNetwork]:
        members: list[TextNetwork] = list(self.network.to(device).eval())  # type: ignore[arg-type]
        return members

    def save_bundle(self, folder: Path) -> None:
        """Write it into a folder, without pickle."""
        save_classifier(self, folder)

    @classmethod
    def load_bundle(cls, folder: Path) -> "Classifier":
        """Read what `save_bundle` wrote, on the CPU.

        Raises:
            BundleError: The folder is no classifier of a known format.
        """
        return cls(**load_classifier(folder))
