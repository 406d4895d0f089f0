"""Fit the linear answer: TF-IDF of hashed n-grams and words, and logistic regression.

Shapes: N texts, P places of a block, C classes.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.models.linear_text import LinearBlock, LinearText
from pipelines_lib.sentiment.baseline import least_texts
from pipelines_lib.sentiment.ragged import Ragged

STEPS = 300
"""Steps of the solver at most; some dozens do."""


def make_linear(config: ClassifierConfig, *, n_classes: int) -> LinearText | None:
    """Return the linear answer that a config describes, knowing nothing yet; None: it has none."""
    linear = config.linear
    if not linear.blocks:
        return None
    return LinearText([linear.buckets] * len(linear.blocks), n_classes=n_classes)


def fit_linear(
    blocks: Sequence[Ragged], classes: np.ndarray, *, config: ClassifierConfig, n_classes: int
) -> LinearText | None:
    """Learn the linear answer from training texts; None: the config has none.

    The problem is convex: there is one answer to it, whatever the seed.

    Args:
        blocks: Places of the texts, of each of `config.linear.blocks`.
        classes: Numbers of the texts' classes (N,).
        config: The classifier.
        n_classes: Classes to tell apart.
    """
    made = make_linear(config, n_classes=n_classes)
    if made is None:
        return None
    parts: list[LinearBlock] = list(made.blocks)  # type: ignore[arg-type]
    weighed, seen = [], []
    for name, part, rows in zip(config.linear.blocks, parts, blocks, strict=True):
        least = least_texts(len(rows)) if name == "characters" else 1
        rarity = _rarity(rows, len(part.rarity), least=least)
        part.rarity.copy_(torch.from_numpy(rarity))
        seen.append(np.flatnonzero(rarity))
        weighed.append(_weigh(rows, rarity)[:, seen[-1]])
    model = LogisticRegression(C=config.linear.strength, max_iter=STEPS)
    model.fit(sparse.hstack(weighed, format="csr"), classes)
    coefficients, bias = _of_every_class(model, n_classes)
    made.bias.copy_(torch.from_numpy(bias))
    first = 0
    for part, places in zip(parts, seen, strict=True):
        own = coefficients[:, first : first + len(places)].T
        part.coefficients[torch.from_numpy(places)] = torch.from_numpy(np.ascontiguousarray(own))
        first += len(places)
    return made


def _rarity(rows: Ragged, n_places: int, *, least: int) -> np.ndarray:
    """Return the smoothed inverse document frequency of each place (P,).

    It is 0 where fewer than `least` texts have the place: strange n-grams, which say nothing, would
    else be most of a text's length.
    """
    documents = np.bincount(rows.values, minlength=n_places)
    rarity = np.log((1 + len(rows)) / (1 + documents)) + 1
    return np.where(documents >= least, rarity, 0).astype(np.float32)


def _weigh(rows: Ragged, rarity: np.ndarray) -> sparse.csr_matrix:
    """Return the texts' weights (N, P), each text's of length 1."""
    weights = rarity[rows.values]
    text = np.repeat(np.arange(len(rows)), rows.lengths)
    squares = np.bincount(text, weights=np.square(weights, dtype=np.float64), minlength=len(rows))
    weights = weights / np.sqrt(squares).clip(1e-12)[text].astype(np.float32)
    return sparse.csr_matrix((weights, rows.values, rows.starts), shape=(len(rows), len(rarity)))


def _of_every_class(model: LogisticRegression, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (C, P) and bias (C,) float32; of two classes the solver knows one."""
    coefficients, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients = np.concatenate((-coefficients, coefficients)) / 2
        bias = np.concatenate((-bias, bias)) / 2
    if len(model.classes_) != n_classes:
        raise ValueError(f"{len(model.classes_)} of {n_classes} classes have texts to learn from")
    return coefficients.astype(np.float32), bias.astype(np.float32)
