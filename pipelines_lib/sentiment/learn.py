"""Learn the parts of a classifier, each kept until all are done: a killed run goes on from there.

Shapes: B batch, A answers of a network, C classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from pipelines_lib.config import ClassifierConfig, TokenizerConfig
from pipelines_lib.errors import BundleError
from pipelines_lib.models.text import TextNetwork
from pipelines_lib.sentiment.text_data import TextData
from pipelines_lib.sentiment.tokenizer import TextTokenizer, train_tokenizer
from pipelines_lib.training import (
    EpochReport,
    Loss,
    TrainingResult,
    load_weights,
    one_thread,
    save_weights,
    seeded,
    train,
)


@dataclass(frozen=True)
class Kept:
    """Files of an unfinished fit, beside its checkpoint; none without one."""

    checkpoint: Path | None

    @property
    def tokenizer(self) -> Path | None:
        """Return the file of the tokenizer."""
        return self.checkpoint and self.checkpoint.with_suffix(".tokenizer.json")

    def unfinished(self, member: int) -> Path | None:
        """Return the checkpoint of a member in training."""
        path = self.checkpoint
        return path and path.with_name(f"{path.stem}-{member}{path.suffix}")

    def finished(self, member: int) -> Path | None:
        """Return the file of a trained member."""
        path = self.unfinished(member)
        return path and path.with_suffix(".done")

    def remove(self, members: int) -> None:
        """Delete them all, at the end of the fit."""
        for path in (self.tokenizer, *(self.finished(member) for member in range(members))):
            if path is not None:
                path.unlink(missing_ok=True)


def learn_tokens(texts: Sequence[str], config: TokenizerConfig, *, kept: Kept) -> TextTokenizer:
    """Learn a tokenizer from training texts, or read the one that an interrupted run learned.

    The networks of that run know its tokens' numbers and no others.
    """
    path = kept.tokenizer
    if path is not None and path.exists():
        try:
            return TextTokenizer.load(path)
        except BundleError:  # of another form: learn again rather than guess
            path.unlink()
    tokenizer = train_tokenizer(texts, config)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        tokenizer.save(draft)
        draft.replace(path)
    return tokenizer


def train_members(
    data: TextData,
    *,
    config: ClassifierConfig,
    n_tokens: int,
    n_classes: int,
    train_rows: np.ndarray,
    validation_rows: np.ndarray,
    kept: Kept,
    on_epoch: Callable[[EpochReport], None],
) -> tuple[nn.ModuleList, list[TrainingResult]]:
    """Train one network after another, of consecutive seeds; a finished one is not repeated.

    Args:
        data: Training and validation texts.
        config: The classifier.
        n_tokens: Tokens of the vocabulary.
        n_classes: Classes to tell apart.
        train_rows: Texts to learn from.
        validation_rows: Texts that decide when to stop.
        kept: Where unfinished and finished members lie.
        on_epoch: Called after each epoch of each network.

    Returns:
        The networks, in eval mode, and the training of each.
    """
    members, results = [], []
    for number in range(config.members):
        seed = config.training.seed + number
        with seeded(seed):
            network = TextNetwork(config, n_tokens=n_tokens, n_classes=n_classes)
            done = kept.finished(number)
            result = None if done is None else load_weights(done, network)
            if result is None:
                with one_thread():
                    result = train(
                        network,
                        data,
                        train_origins=train_rows,
                        validation_origins=validation_rows,
                        config=config.training.model_copy(update={"seed": seed}),
                        loss_of=sum_of_answers(config.label_smoothing),
                        checkpoint=kept.unfinished(number),
                        on_epoch=on_epoch,
                    )
                if done is not None:
                    save_weights(done, network, result)
        members.append(network)
        results.append(result)
    return nn.ModuleList(members).to(data.device).eval(), results


def sum_of_answers(label_smoothing: float) -> Loss:
    """Return the cross entropy of logits (B, A, C) and classes (B,), summed over the answers.

    Each answer learns as if it stood alone. Labels are smoothed for the recurrent network, which
    would grow sure of what it has learned by heart; the n-grams' dropout does as much for them.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        total = functional.cross_entropy(logits[:, 0], targets, label_smoothing=label_smoothing)
        for answer in logits[:, 1:].unbind(1):
            total = total + functional.cross_entropy(answer, targets)
        return total

    return loss
