"""Promotion is earned: who becomes champion, and why.

This is the place of the paired test and the scorecard: whatever decides, decides here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """Whether a model becomes champion, with the reason in words."""

    promote: bool
    reason: str

    @property
    def alias(self) -> str:
        """Return the MLflow alias that the model gets."""
        return "champion" if self.promote else "challenger"


def decide_promotion(
    *,
    challenger: float,
    champion: float | None,
    baseline: float,
    baseline_name: str,
    measure: str,
    rows: int,
    obstacle: str = "",
) -> Decision:
    """Decide by errors on the same held-out rows; lower is better.

    The first model of a name becomes champion whatever it is worth, since a night needs one; the
    reason says what it is worth.

    Args:
        challenger: Error of the new model.
        champion: Error of the champion; None: there is none.
        baseline: Error of the baseline.
        baseline_name: Its name.
        measure: Name of the error.
        rows: Held-out rows that were judged.
        obstacle: Why champion and challenger cannot be compared, if they cannot.
    """
    held = f"{measure} on {rows:,} held-out rows"
    against = f"{challenger:.4g} against {baseline:.4g} of {baseline_name}"
    beats_baseline = challenger < baseline
    verdict = "beats" if beats_baseline else "does not beat"
    if obstacle:
        return Decision(False, f"kept as challenger: {obstacle}")
    if champion is None:
        return Decision(True, f"first model; {verdict} the baseline: {held} {against}")
    versus = f"{held} {challenger:.4g} against the champion's {champion:.4g}"
    if not challenger < champion:
        return Decision(False, f"does not beat the champion: {versus}")
    if not beats_baseline:
        return Decision(False, f"beats the champion but not the baseline: {held} {against}")
    return Decision(
        True, f"beats champion and baseline: {versus}, {baseline:.4g} of {baseline_name}"
    )
