"""How models are compared: errors on the same held-out rows, and the skill that they make."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Errors on the same rows, lower is better; `champion` is None where there is none."""

    challenger: float
    champion: float | None
    baseline: float
    rows: int
    obstacle: str = ""
    """Why the two cannot be compared, if they cannot."""


def skill_pct(error: float, baseline: float) -> float:
    """Return 100 (1 - error / baseline); against a perfect baseline, 0 for a tie and else -100."""
    if baseline == 0:
        return 0.0 if error == 0 else -100.0
    return 100 * (1 - error / baseline)
