"""What a promotion is decided by: errors on the same held-out rows."""

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
