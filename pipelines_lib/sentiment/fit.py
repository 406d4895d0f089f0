"""Fit a classifier: divide the texts, learn tokens, train, calibrate, judge.

Shapes: N texts, M members, A answers, C classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.errors import TrainingError
from pipelines_lib.sentiment.baseline import predict_baseline
from pipelines_lib.sentiment.calibration import Mixture, fit_mixture
from pipelines_lib.sentiment.classifier import Classifier, Predicted
from pipelines_lib.sentiment.documents import Texts
from pipelines_lib.sentiment.evaluation import TextEvaluation
from pipelines_lib.sentiment.judge import judge
from pipelines_lib.sentiment.learn import Kept, learn_tokens, train_members
from pipelines_lib.sentiment.linear import fit_linear
from pipelines_lib.sentiment.splits import TextParts, hash_texts, split_texts
from pipelines_lib.sentiment.text_data import TextData
from pipelines_lib.training import EpochReport, TrainingResult


@dataclass(frozen=True)
class FittedClassifier:
    """A classifier and how it did on documents that it had no part of."""

    classifier: Classifier
    evaluation: TextEvaluation
    training: list[TrainingResult]
    """One a member."""
    train_size: int
    validation_size: int
    test: Texts
    predicted: Predicted
    """What the classifier says of the test documents."""
    uncalibrated: np.ndarray
    """Probabilities of the test documents before the temperature (N, C)."""
    baseline: np.ndarray
    """Class that the baseline names for each test document (N,) object."""


def fit_classifier(
    texts: Texts,
    *,
    dataset_name: str,
    config: ClassifierConfig,
    device: torch.device,
    parts: TextParts | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> FittedClassifier:
    """Learn from labelled texts.

    Args:
        texts: As `read_labelled` reads them.
        dataset_name: Dataset that they are of.
        config: The classifier.
        device: Where networks train.
        parts: Which texts learn, validate and judge; None: as the config divides them.
        checkpoint: File to resume from; the tokenizer and each finished member lie beside it.
        on_epoch: Called after each epoch of each member.

    Raises:
        TrainingError: The texts cannot be divided, their classes' polarities are only partly
            known, or a loss is not finite.
    """
    parts = parts or split_texts(texts, config.split)
    classes = sorted(set(texts.label))
    try:
        values = config.polarity_of(classes)
    except ValueError as error:
        raise TrainingError(str(error)) from error
    numbers = np.searchsorted(np.array(classes, dtype=object), texts.label)
    learned, checked, judged = parts.train, parts.validation, parts.test
    kept = Kept(checkpoint)
    tokenizer = learn_tokens(texts.text[learned], config.tokenizer, kept=kept)
    rows = np.concatenate((learned, checked))
    data = TextData.make(
        texts.text[rows],
        tokenizer=tokenizer,
        config=config,
        device=device,
        targets=numbers[rows],
    )
    network, results = train_members(
        data,
        config=config,
        n_tokens=len(tokenizer),
        n_classes=len(classes),
        train_rows=np.arange(len(learned)),
        validation_rows=np.arange(len(learned), len(rows)),
        kept=kept,
        on_epoch=on_epoch,
    )
    linear = fit_linear(
        data.first(len(learned)), numbers[learned], config=config, n_classes=len(classes)
    )
    plain = Classifier(
        dataset=dataset_name,
        config=config,
        classes=classes,
        values=values,
        mixture=Mixture(shares=(), temperature=1.0),
        tokenizer=tokenizer,
        network=network,
        linear=linear,
        seen=np.unique(hash_texts(texts.text[rows])),
    )
    of_checked = plain.logits(plain.encode(texts.text[checked], device=device))
    classifier = replace(plain, mixture=fit_mixture(of_checked, numbers[checked]))
    of_judged = classifier.logits(classifier.encode(texts.text[judged], device=device))
    baseline = predict_baseline(
        texts.text[learned], numbers[learned], texts.text[judged], n_classes=len(classes)
    )
    evaluation = judge(
        of_judged,
        numbers[judged],
        mixture=classifier.mixture,
        answers=classifier.answers,
        classes=classes,
        baseline=baseline,
        usual=int(np.bincount(numbers[learned]).argmax()),
    )
    kept.remove(config.members)
    return FittedClassifier(
        classifier=classifier,
        evaluation=evaluation,
        training=results,
        train_size=len(learned),
        validation_size=len(checked),
        test=texts.take(judged),
        predicted=classifier.describe(classifier.mixture.probabilities(of_judged)),
        uncalibrated=replace(classifier.mixture, temperature=1.0).probabilities(of_judged),
        baseline=np.array(classes, dtype=object)[baseline],
    )
