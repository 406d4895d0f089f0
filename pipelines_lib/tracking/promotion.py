"""Promotion is earned: who becomes champion, and why.

This is the place of the paired test and the scorecard: whatever decides, decides here.
"""

from dataclasses import dataclass

from pipelines_lib.comparison import Comparison, PairedTest

BEATS, CANNOT_TELL, LOSES = "beats", "cannot be told from", "does not beat"


@dataclass(frozen=True)
class Decision:
    """Whether a model becomes champion, with the reason in words."""

    promote: bool
    reason: str

    @property
    def alias(self) -> str:
        """Return the MLflow alias that the model gets."""
        return "champion" if self.promote else "challenger"


def decide_promotion(compared: Comparison, *, baseline_name: str, measure: str) -> Decision:
    """Decide by errors on the same held-out rows; lower is better.

    A challenger must beat the champion and the baseline by more than chance: by the paired test
    where the rows have losses of their own, else by the means. The first model of a name becomes
    champion whatever it is worth, since a night needs one; the reason says what it is worth.

    Args:
        compared: Errors of challenger, champion and baseline on the same rows, and their tests.
        baseline_name: Name of the baseline.
        measure: Name of the error.
    """
    if compared.obstacle:
        return Decision(False, f"kept as challenger: {compared.obstacle}")
    ours, champion, naive = compared.challenger, compared.champion, compared.baseline
    held = f"{measure} on {compared.rows:,} held-out rows"
    against = f"{held} {ours:.4g} against {naive:.4g} of {baseline_name}" + _told(
        compared.versus_baseline
    )
    to_baseline = _outcome(ours, naive, compared.versus_baseline)
    if champion is None:
        return Decision(True, f"first model; {to_baseline} the baseline: {against}")
    versus = f"{held} {ours:.4g} against the champion's {champion:.4g}" + _told(
        compared.versus_champion
    )
    to_champion = _outcome(ours, champion, compared.versus_champion)
    if to_champion != BEATS:
        return Decision(False, f"{to_champion} the champion: {versus}")
    if to_baseline != BEATS:
        return Decision(False, f"beats the champion, but {to_baseline} the baseline: {against}")
    rest = f"{naive:.4g} of {baseline_name}" + _told(compared.versus_baseline)
    return Decision(True, f"beats champion and baseline: {versus}, {rest}")


def _outcome(ours: float, theirs: float, test: PairedTest | None) -> str:
    if not ours < theirs:
        return LOSES
    return BEATS if test is None or test.better else CANNOT_TELL


def _told(test: PairedTest | None) -> str:
    return "" if test is None else f" ({test.words})"
