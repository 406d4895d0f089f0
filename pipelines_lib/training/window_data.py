"""The series on the device, and batches of windows gathered from them by index.

Shapes: N rows, F features, B batch, L lookback, H horizon.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines_lib.series.windows import horizon_rows, lookback_rows


@dataclass(frozen=True)
class WindowData:
    """Scaled inputs (N, F) and targets (N,), once, whatever the number of windows.

    Without `targets` a window is its own target, as an autoencoder wants it.
    """

    inputs: Tensor
    lookback: Tensor
    targets: Tensor | None = None
    horizon: Tensor | None = None

    @classmethod
    def make(
        cls,
        inputs: np.ndarray,
        *,
        lookback: int,
        sampling_rate: int,
        device: torch.device,
        targets: np.ndarray | None = None,
        horizon: int = 0,
    ) -> "WindowData":
        """Put the series on the device as float32."""
        return cls(
            torch.as_tensor(inputs, dtype=torch.float32, device=device),
            torch.as_tensor(lookback_rows(lookback, sampling_rate), device=device),
            None
            if targets is None
            else torch.as_tensor(targets, dtype=torch.float32, device=device),
            torch.as_tensor(horizon_rows(horizon, sampling_rate), device=device),
        )

    @property
    def device(self) -> torch.device:
        """Return where the series lie."""
        return self.inputs.device

    def windows(self, origins: Tensor) -> Tensor:
        """Gather the windows (B, L, F) that end at these rows (B,)."""
        return self.inputs[origins[:, None] + self.lookback]

    def batch(self, origins: Tensor) -> tuple[Tensor, Tensor]:
        """Gather windows and their targets: (B, L, F) and (B, H), or the windows twice."""
        windows = self.windows(origins)
        if self.targets is None or self.horizon is None:
            return windows, windows
        return windows, self.targets[origins[:, None] + self.horizon]
