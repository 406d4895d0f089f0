"""What sum of a classifier's answers is best, and how sure it may be.

Shapes: M members, N texts, A answers (as in `ClassifierConfig.answers`), C classes.
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

    shares: tuple[float, ...]
    """Share of each answer's logits in the sum (A,); they sum to 1."""
    temperature: float
    """The sum is divided by it: above 1 makes less sure, below 1 surer (Guo et al. 2017)."""

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the members' mean probabilities (N, C) float64 of logits (M, N, A, C)."""
        return np.exp(self.log_probabilities(logits))

    def log_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the logarithm of `probabilities` (N, C)."""
        logits = logits.astype(np.float64)
        scaled = np.einsum("mnac,a->mnc", logits, np.array(self.shares)) / self.temperature
        scaled = scaled - logsumexp(scaled, axis=-1, keepdims=True)
        mean: np.ndarray = logsumexp(scaled, axis=0) - np.log(len(scaled))
        return mean


def fit_mixture(logits: np.ndarray, targets: np.ndarray) -> Mixture:
    """Fit the share of each answer and one temperature: the lowest negative log-likelihood.

    Args:
        logits: Of validation texts (M, N, A, C).
        targets: Their classes (N,) as numbers.
    """
    n_answers = logits.shape[2]
    coldest, hottest = TEMPERATURES

    def cost(weights: np.ndarray) -> float:
        return log_loss(Mixture(tuple(weights), 1.0).log_probabilities(logits), targets)

    # Each weight is a share over the temperature: so the solver's problem has no flat side.
    found = minimize(
        cost,
        np.full(n_answers, 1 / n_answers),
        method="L-BFGS-B",
        bounds=[(0.0, 1 / coldest)] * n_answers,
    )
    total = found.x.sum()
    if total <= 1 / hottest:
        return Mixture((1 / n_answers,) * n_answers, hottest)
    shares = tuple(float(share) for share in found.x / total)
    return Mixture(shares, float(max(1 / total, coldest)))


def log_loss(log_probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean negative log-likelihood of the classes (N,)."""
    return float(-np.take_along_axis(log_probabilities, targets[:, None], 1).mean())


@dataclass(frozen=True)
class Reliability:
    """How sure a classifier was and how often right, bin by bin; bins without texts are left out.

    Bins are open below and closed above: 1 belongs to the last.
    """

    texts: np.ndarray
    sure: np.ndarray
    """Mean probability of the class that was chosen."""
    right: np.ndarray
    """Share told right."""

    @property
    def error(self) -> float:
        """Return the expected calibration error: the mean of |right - sure| over all texts."""
        return float((np.abs(self.right - self.sure) * self.texts).sum() / self.texts.sum())


def bin_reliability(sure: np.ndarray, right: np.ndarray) -> Reliability:
    """Bin texts by the probability of the class that was chosen (N,); `right` (N,) is truth."""
    number = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    texts = np.bincount(number, minlength=BINS)
    seen = texts > 0
    sums = (np.bincount(number, weights=of, minlength=BINS) for of in (sure, right))
    mean_sure, mean_right = (total[seen] / texts[seen] for total in sums)
    return Reliability(texts[seen], mean_sure, mean_right)


def calibration_error(probabilities: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error of probabilities (N, C): see Reliability."""
    return bin_reliability(probabilities.max(axis=1), right).error
