"""What sum of a network's answers is best, and how sure it may be.

Shapes: M members, N texts, A answers of a network (recurrent, n-grams), C classes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

TEMPERATURES = (0.2, 20.0)
"""A few texts, all told right, would otherwise make a classifier sure beyond reason."""
BINS = 15
"""Bins of the expected calibration error, as wide as each other (Guo et al. 2017)."""


@dataclass(frozen=True)
class Mixture:
    """How members' logits become probabilities, fitted on texts that no network learned from."""

    ngram_share: float
    """Share of the n-grams' logits in the sum; 0 where there is no such answer."""
    temperature: float
    """The sum is divided by it: above 1 makes less sure, below 1 surer (Guo et al. 2017)."""

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the members' mean probabilities (N, C) float64 of logits (M, N, A, C)."""
        return np.exp(self.log_probabilities(logits))

    def log_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the logarithm of `probabilities` (N, C)."""
        logits = logits.astype(np.float64)
        mixed = logits[:, :, 0]
        if logits.shape[2] > 1:
            mixed = (1 - self.ngram_share) * mixed + self.ngram_share * logits[:, :, 1]
        scaled = mixed / self.temperature
        scaled = scaled - logsumexp(scaled, axis=-1, keepdims=True)
        mean: np.ndarray = logsumexp(scaled, axis=0) - np.log(len(scaled))
        return mean


def fit_mixture(logits: np.ndarray, targets: np.ndarray) -> Mixture:
    """Fit the share of the n-grams and one temperature: the lowest negative log-likelihood.

    Args:
        logits: Of validation texts (M, N, A, C).
        targets: Their classes (N,) as numbers.
    """
    has_ngrams = logits.shape[2] > 1

    def make(values: np.ndarray) -> Mixture:
        share = float(values[1]) if has_ngrams else 0.0
        return Mixture(ngram_share=share, temperature=float(np.exp(values[0])))

    def cost(values: np.ndarray) -> float:
        return log_loss(make(values).log_probabilities(logits), targets)

    low, high = np.log(TEMPERATURES)
    found = minimize(
        cost,
        np.array([0.0, 0.5]) if has_ngrams else np.array([0.0]),
        method="L-BFGS-B",
        bounds=[(low, high), (0.0, 1.0)] if has_ngrams else [(low, high)],
    )
    return make(found.x)


def log_loss(log_probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean negative log-likelihood of the classes (N,)."""
    return float(-np.take_along_axis(log_probabilities, targets[:, None], 1).mean())


def calibration_error(probabilities: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error: how far being right lies from being sure.

    The mean over bins, weighted by their texts, of |share right - mean probability of the class
    that was chosen|. Bins are open below and closed above: 1 belongs to the last.
    """
    sure = probabilities.max(axis=1)
    number = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(number, weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))
