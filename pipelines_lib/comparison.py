"""How models are compared: errors on the same held-out rows, and the skill that they make."""

from dataclasses import dataclass

import numpy as np

SIGNIFICANT = 0.05
"""A difference whose p-value is below this is told from nothing."""


@dataclass(frozen=True)
class PairedTest:
    """Whether one method loses less than another from the same origins, by more than chance.

    `difference` is the mean loss of the first minus the second's: below 0 the first is better.
    `p` is two-sided; None: there are too few origins to tell.
    """

    difference: float
    statistic: float | None
    p: float | None
    origins: int
    """Points in time that were compared; the series of one count once."""

    @property
    def better(self) -> bool:
        """Return whether the first is better, told from nothing."""
        return self.significant and self.difference < 0

    @property
    def significant(self) -> bool:
        """Return whether the difference is told from nothing."""
        return self.p is not None and self.p < SIGNIFICANT

    @property
    def words(self) -> str:
        """Return the p-value as people write it, or why there is none."""
        if self.p is None:
            return f"too few held-out origins to tell: {self.origins}; raise test_steps"
        return "p < 0.001" if self.p < 0.001 else f"p = {self.p:.2g}"


@dataclass(frozen=True)
class Comparison:
    """Errors on the same rows, lower is better; `champion` is None where there is none.

    The tests are of the challenger against the others; None where rows have no losses of their
    own, so that only the means can be compared.
    """

    challenger: float
    champion: float | None
    baseline: float
    rows: int
    obstacle: str = ""
    """Why the two cannot be compared, if they cannot."""
    versus_champion: PairedTest | None = None
    versus_baseline: PairedTest | None = None


def skill_pct(error: float, baseline: float) -> float:
    """Return 100 (1 - error / baseline); against a perfect baseline, 0 for a tie and else -100."""
    return float(skills_pct(np.array(error), np.array(baseline)))


def skills_pct(error: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Return the skill of each error against its baseline's, NaN where one is unknown."""
    perfect = np.where(error == 0, 0.0, np.where(np.isnan(error), np.nan, -100.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(baseline == 0, perfect, 100 * (1 - error / baseline))
