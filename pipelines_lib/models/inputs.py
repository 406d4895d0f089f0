"""What a network sees of a batch of windows.

Shapes: B batch, L lookback, F inputs, H horizon, K inputs known of the future.
"""

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Inputs:
    """One batch, scaled.

    `past` (B, L, F): the newest step last; column 0 is the target's own history. Where a series
    is shorter than the lookback, its first step is repeated before it, and `lengths` (B,) on the
    CPU says how many of the newest steps are real; None: all of all windows. `future` (B, H, K):
    what is known of the steps ahead, None for nothing. `series` (B,): the number of each window's
    series, None where no network asks. `targets` (B, H): the truth, in training only, for teacher
    forcing.
    """

    past: Tensor
    future: Tensor | None = None
    series: Tensor | None = None
    lengths: Tensor | None = None
    targets: Tensor | None = None

    def with_past(self, past: Tensor, targets: Tensor | None) -> "Inputs":
        """Return the same batch with another past and truth."""
        return replace(self, past=past, targets=targets)
