"""How well texts were told apart. Shapes: N texts, C classes."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, chi2

EXACT = 25
"""Texts on which two methods disagree up to which McNemar's test is reckoned exactly."""


@dataclass(frozen=True)
class ClassScores:
    """How well one class was found; each 0 where it cannot be reckoned."""

    name: str
    documents: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class McNemar:
    """Whether two methods are right on as many of the same texts, by more than chance.

    `p` is two-sided (McNemar 1947): exact, from the binomial distribution, where they disagree on
    few texts, else from the chi-square one with a correction for continuity.
    """

    only_first: int
    """Texts that the first alone told right."""
    only_second: int
    p: float

    @property
    def difference(self) -> int:
        """Return how many texts more the first told right."""
        return self.only_first - self.only_second


@dataclass(frozen=True)
class TextEvaluation:
    """How a classifier did on the test documents, beside a baseline on the same."""

    classes: list[str]
    metrics: dict[str, float]
    """Numbers by name, as they are logged; accuracies are shares."""
    confusion: np.ndarray
    """Documents of the class of each row told to be of the class of each column (C, C)."""
    by_class: list[ClassScores]
    versus_baseline: McNemar
    baseline: str
    """What the baseline is, in words."""


def count_confusion(targets: np.ndarray, chosen: np.ndarray, n_classes: int) -> np.ndarray:
    """Count the texts of each class (rows) told to be of each (columns), from numbers (N,)."""
    cells = np.bincount(targets * n_classes + chosen, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes)


def score_classes(confusion: np.ndarray, classes: list[str]) -> list[ClassScores]:
    """Return precision, recall and F1 of each class."""
    hits, true, told = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision = hits / np.maximum(told, 1)
    recall = hits / np.maximum(true, 1)
    f1 = 2 * hits / np.maximum(true + told, 1)
    return [
        ClassScores(name, int(n), float(p), float(r), float(f))
        for name, n, p, r, f in zip(classes, true, precision, recall, f1, strict=True)
    ]


def macro_f1(confusion: np.ndarray) -> float:
    """Return the mean F1 of the classes that texts are of, or were told to be of."""
    both = confusion.sum(axis=1) + confusion.sum(axis=0)
    seen = both > 0
    return float((2 * np.diag(confusion)[seen] / both[seen]).mean())


def brier(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the Brier score: squared errors of the probabilities summed over classes, 0 to 2."""
    truth = np.eye(probabilities.shape[1])[targets]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def compare_right(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Compare two methods by which of the same texts (N,) each told right."""
    return mcnemar(int((first & ~second).sum()), int((~first & second).sum()))


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Compare two methods by the texts that only one of them told right."""
    apart = only_first + only_second
    if apart == 0:
        p = 1.0
    elif apart <= EXACT:
        p = float(binomtest(only_first, apart).pvalue)
    else:
        p = float(chi2.sf((abs(only_first - only_second) - 1) ** 2 / apart, df=1))
    return McNemar(only_first, only_second, p)
