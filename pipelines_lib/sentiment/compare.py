"""Challenger and champion on the same documents, none of which either has learned from."""

import numpy as np
import torch

from pipelines_lib.comparison import Comparison, PairedTest
from pipelines_lib.sentiment.classifier import Classifier
from pipelines_lib.sentiment.evaluation import compare_right
from pipelines_lib.sentiment.fit import FittedClassifier
from pipelines_lib.sentiment.splits import hash_texts

AT_LEAST = 20
"""Test documents that a comparison needs."""


def compare_classifiers(
    fitted: FittedClassifier, champion: Classifier | None, *, device: torch.device
) -> Comparison:
    """Compare a fitted challenger with baseline and champion by the share told wrong.

    Documents that the champion has learned from do not count, for the challenger neither. Where
    too few are left, the two cannot be compared: `obstacle` says so.
    """
    truth = fitted.test.label
    right, baseline = fitted.predicted.label == truth, fitted.baseline == truth
    if champion is None:
        return _compare(right, None, baseline)
    fresh = ~np.isin(hash_texts(fitted.test.text), champion.seen)
    if fresh.sum() < AT_LEAST:
        compared = _compare(right, None, baseline)
        obstacle = (
            f"the champion has learned from all but {fresh.sum():,} of the {len(truth):,} test "
            "documents, so the two cannot be compared: train with the champion's split.seed"
        )
        return Comparison(compared.challenger, None, compared.baseline, len(truth), obstacle)
    theirs = champion.predict_texts(list(fitted.test.text[fresh]), device=device).label
    return _compare(right[fresh], theirs == truth[fresh], baseline[fresh])


def judge_right(first: np.ndarray, second: np.ndarray) -> PairedTest:
    """Test by McNemar whether the first is wrong less often than the second, from who is right."""
    found = compare_right(first, second)
    return PairedTest(-found.difference / len(first), None, found.p, len(first))


def _compare(right: np.ndarray, champion: np.ndarray | None, baseline: np.ndarray) -> Comparison:
    return Comparison(
        challenger=1 - float(right.mean()),
        champion=None if champion is None else 1 - float(champion.mean()),
        baseline=1 - float(baseline.mean()),
        rows=len(right),
        versus_champion=None if champion is None else judge_right(right, champion),
        versus_baseline=judge_right(right, baseline),
    )
