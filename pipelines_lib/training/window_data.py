"""The series on the device, and batches of windows gathered from them by index.

Every possible window is a row of a strided view of the series: the view costs no memory, and
gathering from it copies whole windows, 4 to 20 times faster than row by row.

Shapes: N rows, F features, B batch, L lookback, H horizon, P positions of the calendar, K inputs
known of the future.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pipelines_lib.models.inputs import Inputs
from pipelines_lib.series.windows import lookback_rows


class TrainingData(Protocol):
    """What the loop asks of data."""

    @property
    def device(self) -> torch.device:
        """Return where batches are made."""

    def batch(self, origins: Tensor) -> tuple[Any, Tensor]:
        """Gather what the network sees of these windows, and what it should answer."""

    def batches(
        self, drawn: Tensor, batch_size: int, shuffle: torch.Generator | None
    ) -> Iterable[Tensor]:
        """Arrange the drawn windows (N,) into batches; every window stands in one of them.

        Windows that are alike cost alike: they stay as they were drawn. Data whose windows differ
        in length arranges them itself, with random numbers from `shuffle` alone; None: in any fixed
        order.
        """
        return drawn.split(batch_size)


@dataclass(frozen=True)
class WindowData(TrainingData):
    """Scaled inputs (N, F), once, whatever the number of windows; a window is its own target."""

    inputs: Tensor
    lookback: Tensor
    """Rows of a window relative to its origin (L,)."""
    all_windows: Tensor
    """View (W, L, F): entry i is the window whose first row is i."""
    reach: int
    """Rows from the first of a window to its last."""

    @classmethod
    def make(
        cls, inputs: np.ndarray, *, lookback: int, sampling_rate: int, device: torch.device
    ) -> "WindowData":
        """Put the series on the device as float32."""
        kept = torch.as_tensor(inputs, dtype=torch.float32, device=device).contiguous()
        rows = torch.as_tensor(lookback_rows(lookback, sampling_rate), device=device)
        every = _every(kept, count=lookback, rate=sampling_rate)
        return cls(kept, rows, every, (lookback - 1) * sampling_rate)

    @property
    def device(self) -> torch.device:
        """Return where the series lie."""
        return self.inputs.device

    def windows(self, origins: Tensor) -> Tensor:
        """Gather the windows (B, L, F) that end at these rows (B,)."""
        return self.all_windows.index_select(0, origins - self.reach)

    def batch(self, origins: Tensor) -> tuple[Tensor, Tensor]:
        """Gather windows and their targets, the same: (B, L, F) twice."""
        windows = self.windows(origins)
        return windows, windows


@dataclass(frozen=True)
class ForecastData(TrainingData):
    """Scaled inputs, targets and what is known of the future, once each."""

    inputs_by_row: Tensor
    """(N, F) float32; column 0 is the target's own history."""
    lookback: Tensor
    """Rows of a window relative to its origin (L,)."""
    sampling_rate: int
    """Rows between the steps of a window."""
    all_windows: Tensor
    """View (W, L, F): entry i is the window whose first row is i."""
    all_targets: Tensor | None
    """View (W, H), entry i: the horizon after row i; (W, 1 + H), from row i itself, if relative."""
    root_steps: Tensor | None
    """Square root of the step numbers 1 to H (H,) float64, if targets are relative."""
    all_futures: Tensor | None
    """View (P', H, K): entry i is what is known of the horizon after position i."""
    position: Tensor | None
    """Position (N,) of each row in the future's table."""
    series: Tensor | None
    """Number (N,) of each row's series; None where no network asks for it."""
    run: Tensor | None
    """Known steps (N,) in a row that end at each row; None where all windows are whole."""

    @classmethod
    def make(
        cls,
        inputs: np.ndarray,
        *,
        lookback: int,
        horizon: int,
        sampling_rate: int,
        device: torch.device,
        targets: np.ndarray | None = None,
        relative: bool = False,
        future: np.ndarray | None = None,
        position: np.ndarray | None = None,
        series: np.ndarray | None = None,
        run: np.ndarray | None = None,
    ) -> "ForecastData":
        """Put the series on the device.

        Args:
            inputs: Scaled (N, F), the target's own history first; kept as float32.
            lookback: Steps in, L.
            horizon: Steps out, H.
            sampling_rate: Rows between the steps of a window and of its horizon.
            device: Where batches are made.
            targets: What is forecast (N,), scaled; None if nothing is trained or judged.
            relative: Targets are what `targets` gained since the origin, over the square root of
                the step number h, so that each step of a random walk has the same spread. For log
                returns `targets` is the level: their centred and scaled running sum. It is kept as
                float64, since a difference of float32 sums would lose digits.
            future: Inputs known of the steps ahead (P, K), a row for each position; with K = 0
                networks are given None.
            position: Row of `future` (N,) that is each row's own step; needed with `future`.
            series: Number of each row's series (N,), for networks that ask for it.
            run: Known steps in a row (N,), `sampling_rate` rows apart, that end at each row; given
                if windows may be shorter than the lookback. Origins need at least one.
        """
        kept = torch.as_tensor(inputs, dtype=torch.float32, device=device).contiguous()
        span = {"count": horizon, "rate": sampling_rate, "first": sampling_rate}
        if relative:
            span |= {"count": horizon + 1, "first": 0}
        wanted = torch.float64 if relative else torch.float32
        if future is None or future.shape[1] == 0:
            future = position = None
        return cls(
            inputs_by_row=kept,
            lookback=torch.as_tensor(lookback_rows(lookback, sampling_rate), device=device),
            sampling_rate=sampling_rate,
            all_windows=_every(kept, count=lookback, rate=sampling_rate),
            all_targets=None
            if targets is None
            else _every(torch.as_tensor(targets, dtype=wanted, device=device).contiguous(), **span),
            root_steps=torch.arange(1, horizon + 1, dtype=wanted, device=device).sqrt()
            if relative
            else None,
            all_futures=None
            if future is None
            else _every(
                torch.as_tensor(future, dtype=torch.float32, device=device).contiguous(),
                count=horizon,
                rate=sampling_rate,
                first=sampling_rate,
            ),
            position=_numbers(position, device),
            series=_numbers(series, device),
            run=_numbers(run, device),
        )

    @property
    def device(self) -> torch.device:
        """Return where the series lie."""
        return self.inputs_by_row.device

    def inputs(self, origins: Tensor) -> Inputs:
        """Gather what a network sees of the windows that end at these rows (B,)."""
        return self._gather(origins, None)

    def batch(self, origins: Tensor) -> tuple[Inputs, Tensor]:
        """Gather what a network sees and the targets (B, H), which it sees too in training."""
        targets = self.targets(origins)
        return self._gather(origins, targets), targets

    def targets(self, origins: Tensor) -> Tensor:
        """Gather the targets (B, H) after these rows."""
        assert self.all_targets is not None, "made without targets"
        rows = self.all_targets.index_select(0, origins)
        if self.root_steps is None:
            return rows
        return ((rows[:, 1:] - rows[:, :1]) / self.root_steps).float()

    def _gather(self, origins: Tensor, targets: Tensor | None) -> Inputs:
        past, lengths = self._past(origins)
        future = series = None
        if self.all_futures is not None and self.position is not None:
            future = self.all_futures.index_select(0, self.position[origins])
        if self.series is not None:
            series = self.series[origins]
        return Inputs(past, future, series, lengths, targets)

    def _past(self, origins: Tensor) -> tuple[Tensor, Tensor | None]:
        """Gather windows, the first known step repeated before it, and lengths on the CPU."""
        whole, rate = len(self.lookback), self.sampling_rate
        if self.run is not None:
            known = self.run[origins]
            lengths = known.clamp(max=whole).cpu()
            if int(lengths.min()) < whole:
                oldest = (1 - known[:, None]) * rate
                rows = origins[:, None] + torch.maximum(self.lookback, oldest)
                return self.inputs_by_row[rows], lengths
        return self.all_windows.index_select(0, origins - (whole - 1) * rate), None


def _every(rows: Tensor, *, count: int, rate: int, first: int = 0) -> Tensor:
    """View rows (N, ...) as (W, count, ...): entry [i, j] is row i + first + j * rate.

    W is as many as fit. The rows must be contiguous.
    """
    step = rows.stride(0)
    fits = max(0, len(rows) - first - (count - 1) * rate)
    return rows.as_strided(
        (fits, count, *rows.shape[1:]),
        (step, rate * step, *rows.stride()[1:]),
        # No entry, no offset: it could point behind the last row.
        rows.storage_offset() + (first * step if fits else 0),
    )


def _numbers(values: np.ndarray | None, device: torch.device) -> Tensor | None:
    return None if values is None else torch.as_tensor(values, dtype=torch.int64, device=device)
