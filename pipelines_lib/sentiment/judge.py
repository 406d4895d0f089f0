"""Judge a classifier on test texts, beside its own parts and a baseline.

Shapes: N texts, M members, A answers, C classes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines_lib.sentiment.baseline import NAME
from pipelines_lib.sentiment.calibration import Mixture, calibration_error, log_loss
from pipelines_lib.sentiment.evaluation import (
    TextEvaluation,
    brier,
    compare_right,
    count_confusion,
    macro_f1,
    score_classes,
)


def judge(
    logits: np.ndarray,
    targets: np.ndarray,
    *,
    mixture: Mixture,
    answers: Sequence[str],
    classes: Sequence[str],
    baseline: np.ndarray,
    usual: int,
) -> TextEvaluation:
    """Measure answers to the test texts.

    Args:
        logits: What the members answered (M, N, A, C).
        targets: The classes (N,) as numbers.
        mixture: How logits become probabilities.
        answers: Names of the answers (A,).
        classes: Names of the classes.
        baseline: What the baseline answered (N,).
        usual: The most frequent class of the training texts.
    """
    n_classes = len(classes)
    log_probabilities = mixture.log_probabilities(logits)
    probabilities = np.exp(log_probabilities)
    chosen = probabilities.argmax(axis=1)
    right, baseline_right = chosen == targets, baseline == targets
    as_trained = replace(mixture, temperature=1.0).probabilities(logits)
    confusion = count_confusion(targets, chosen, n_classes)
    of_baseline = count_confusion(targets, baseline, n_classes)
    versus = compare_right(right, baseline_right)

    def accuracy_of(number: int) -> float:
        alone = replace(mixture, shares=tuple(np.eye(len(answers))[number])).probabilities(logits)
        return float((alone.argmax(axis=1) == targets).mean())

    metrics = {
        "accuracy": float(right.mean()),
        "macro_f1": macro_f1(confusion),
        "nll": log_loss(log_probabilities, targets),
        "brier": brier(probabilities, targets),
        "ece": calibration_error(probabilities, right),
        "ece_uncalibrated": calibration_error(as_trained, right),
        "temperature": mixture.temperature,
        **{f"accuracy_{name}": accuracy_of(number) for number, name in enumerate(answers)},
        **{f"{name}_share": share for name, share in zip(answers, mixture.shares, strict=True)},
        "accuracy_baseline": float(baseline_right.mean()),
        "macro_f1_baseline": macro_f1(of_baseline),
        "mcnemar_p_vs_baseline": versus.p,
        "accuracy_majority": float((targets == usual).mean()),
    }
    return TextEvaluation(
        classes=list(classes),
        metrics=metrics,
        confusion=confusion,
        by_class=score_classes(confusion, list(classes)),
        versus_baseline=versus,
        baseline=NAME,
    )
