"""One threshold fitted on past scores: seven kinds, one interface.

Scores are >= 0 and of one scale for all series. A step is an alarm where its score is strictly
above the threshold, so that a score as high as a constant past is none.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import genpareto, norm

from pipelines_lib.anomaly.hundman import find_level, find_pruned_level
from pipelines_lib.config.detector import ThresholdConfig
from pipelines_lib.errors import SeriesError

MIN_SCORES = 20
NORMAL_MAD = 1.4826
"""Standard deviations in a median absolute deviation of normal scores."""
NORMAL_MEAN_DEVIATION = 1.2533
"""The same of a mean absolute deviation."""
INITIAL_QUANTILE = 0.98
"""pot: the tail begins here."""
MIN_EXCESSES = 10
"""pot: fewer excesses tell no shape."""
LEAST_SHAPE = -0.5
"""pot: below it maximum likelihood is not regular (Smith 1985, Biometrika 72)."""


class Tail(Protocol):
    """What share of clean steps scores as high."""

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Return the p-value of each score, NaN of NaN."""
        ...


@dataclass(frozen=True)
class Threshold:
    """A fitted threshold."""

    value: float
    """Scores strictly above it are alarms."""
    tail: Tail

    def alarms(self, scores: np.ndarray) -> np.ndarray:
        """Return which scores are alarms; NaN is none."""
        return scores > self.value

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Return the share of clean steps that score as high as each score, NaN of NaN."""
        return self.tail.p_values(np.asarray(scores, dtype="float64"))


@dataclass(frozen=True)
class Conformal:
    """(1 + number of past scores as high) / (1 + their number): valid for any distribution.

    Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world".
    """

    past: np.ndarray
    """Sorted."""

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Return the p-value of each score, NaN of NaN."""
        n = len(self.past)
        as_high = n - np.searchsorted(self.past, scores, side="left")
        return np.where(np.isnan(scores), np.nan, (1 + as_high) / (1 + n))

    def values_at(self, limits: np.ndarray) -> np.ndarray:
        """Return the thresholds above which p-values are at most `limits`.

        Infinite where the past is too short for a p-value as small; at least the smallest past
        score.
        """
        n = len(self.past)
        # As high as this many past scores and p is still within the limit; the tolerance keeps
        # a limit of 29 / 100 from being rounded to 28 / 100.
        most = np.floor(limits * (1 + n) + 1e-9).astype("int64") - 1
        place = n - 1 - np.clip(most, 0, n - 1)
        return np.where(most < 0, np.inf, self.past[place])


@dataclass(frozen=True)
class Normal:
    """The upper tail of a normal distribution."""

    center: float
    spread: float

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Return the p-value of each score, NaN of NaN."""
        return norm.sf((scores - self.center) / self.spread)


@dataclass(frozen=True)
class Pareto:
    """A generalised Pareto tail above a level, conformal p-values up to it."""

    level: float
    share: float
    """Share of past scores above the level."""
    shape: float
    scale: float
    below: Conformal

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Return the p-value of each score, NaN of NaN."""
        excess = np.maximum(scores - self.level, 0.0)
        beyond = self.share * genpareto.sf(excess, self.shape, scale=self.scale)
        return np.where(scores > self.level, beyond, self.below.p_values(scores))

    def value_at(self, risk: float) -> float:
        """Return the score that a share `risk` of steps exceeds; risk is below `share`.

        Equation 1 of Siffer et al. 2017, "Anomaly detection in streams with extreme value theory".
        """
        return self.level + float(genpareto.isf(risk / self.share, self.shape, scale=self.scale))


def fit_threshold(
    past: np.ndarray, config: ThresholdConfig, *, breaks: np.ndarray | None = None
) -> Threshold:
    """Fit a threshold on past scores.

    fixed: log1p(k), whatever the past. k_sigma, mad: center + k spreads with normal p-values; a
    MAD of 0 gives way to the mean absolute deviation (Iglewicz and Hoaglin 1993). quantile,
    conformal: of the past as it is. pot: a generalised Pareto distribution of the excesses over
    the quantile .98; an exponential one where they are fewer than 10, all equal or of a bounded
    shape below -1/2; without any excess, or with a risk above their share, as conformal.
    hundman: see hundman.py. p-values are conformal where nothing else is said, and where
    the past has no spread.

    Args:
        past: Past scores (M,), NaN left out; only hundman looks at their order.
        config: Which kind, and its parameters.
        breaks: hundman: where (M,) a score does not follow the one before, as at the first of
            another series; None: all follow one another.

    Raises:
        SeriesError: There are fewer than 20 scores.
    """
    known = np.isfinite(past)
    scores = np.asarray(past, dtype="float64")[known]
    if len(scores) < MIN_SCORES:
        raise SeriesError(
            f"{len(scores)} past scores, a threshold needs {MIN_SCORES}: ingest more history "
            "or raise split.calibration_steps"
        )
    # The stable sort passes once over what is sorted already, as the pool of a long walk is.
    conformal = Conformal(np.sort(scores, kind="stable"))
    ranked = conformal.past
    match config.kind:
        case "fixed":
            return Threshold(float(np.log1p(config.k)), conformal)
        case "quantile":
            return Threshold(float(np.quantile(ranked, config.quantile)), conformal)
        case "conformal":
            return Threshold(_conformal_value(conformal, config.risk), conformal)
        case "k_sigma":
            return _normal_threshold(float(ranked.mean()), float(ranked.std()), config.k, conformal)
        case "mad":
            center = float(np.median(ranked))
            return _normal_threshold(center, _robust_spread(ranked, center), config.k, conformal)
        case "pot":
            tail = _fit_tail(conformal)
            if tail is None or config.risk >= tail.share:
                return Threshold(_conformal_value(conformal, config.risk), conformal)
            return Threshold(tail.value_at(config.risk), tail)
        case "hundman":
            starts = np.zeros(len(past), dtype=bool) if breaks is None else breaks
            # A score left out breaks a run as well.
            starts = starts | np.append(False, ~known[:-1])
            if _is_nothing(float(ranked.std()), float(ranked.mean())):
                return Threshold(float(ranked[-1]), conformal)
            level = find_level(scores, starts[known])
            if config.prune:
                level = max(level, find_pruned_level(scores, starts[known], level))
            return Threshold(level, conformal)


def _conformal_value(conformal: Conformal, risk: float) -> float:
    return float(conformal.values_at(np.array([risk]))[0])


def _normal_threshold(center: float, spread: float, k: float, conformal: Conformal) -> Threshold:
    if _is_nothing(spread, center):
        return Threshold(float(conformal.past[-1]), conformal)
    return Threshold(center + k * spread, Normal(center, spread))


def _is_nothing(spread: float, center: float) -> bool:
    """Tell whether a spread is but the rounding of equal scores."""
    return spread <= 1e-12 * max(abs(center), 1.0)


def _robust_spread(ranked: np.ndarray, center: float) -> float:
    away = np.abs(ranked - center)
    return NORMAL_MAD * float(np.median(away)) or NORMAL_MEAN_DEVIATION * float(away.mean())


def _fit_tail(conformal: Conformal) -> Pareto | None:
    """Fit the tail above the initial level; None: no score lies above it."""
    ranked = conformal.past
    level = float(np.quantile(ranked, INITIAL_QUANTILE))
    excess = ranked[np.searchsorted(ranked, level, side="right") :] - level
    if len(excess) == 0:
        return None
    mean = float(excess.mean())
    shape, scale = 0.0, mean
    if len(excess) >= MIN_EXCESSES and excess[-1] > excess[0]:
        with np.errstate(all="ignore"):  # the search tries shapes that rule an excess out
            fitted, _, relative = genpareto.fit(excess / mean, floc=0)
        if np.isfinite([fitted, relative]).all() and fitted >= LEAST_SHAPE:
            shape, scale = float(fitted), float(relative) * mean
    return Pareto(level, len(excess) / len(ranked), shape, scale, conformal)
