"""Parts that rebuild windows: the autoencoder and windowed PCA.

Shapes: N rows, F features, B batch, L lookback, K components, w steps of a segment.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from pipelines_lib.anomaly.parts.base import BATCH, Stretch, covering
from pipelines_lib.models import Autoencoder, normalise_windows
from pipelines_lib.training import WindowData, one_thread

PCA_VARIANCE = 0.5
PCA_WINDOWS = 5_000
PCA_NUMBERS = 512
"""Numbers (steps x features) of a window that PCA sees at most."""


@dataclass(frozen=True)
class AutoencoderPart:
    """How badly a recurrent autoencoder rebuilds a step."""

    network: Autoencoder
    lookback: int
    name: str = "autoencoder"

    def errors(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return squared errors (N, F), as `rebuild` averages them."""
        return rebuild(self._rebuild, stretch, wanted, lookback=self.lookback)[0]

    def expected(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return the reconstruction (N, F)."""
        return rebuild(self._rebuild, stretch, wanted, lookback=self.lookback)[1]

    def _rebuild(self, windows: Tensor) -> Tensor:
        normalised, center, spread = normalise_windows(windows)
        return self.network.to(windows.device)(normalised).float() * spread + center


@dataclass(frozen=True)
class PCAPart:
    """How badly the main components of training windows rebuild a step."""

    mean: np.ndarray
    """(L * F,)"""
    components: np.ndarray
    """(K, L * F)"""
    lookback: int
    name: str = "pca"

    def errors(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return squared errors (N, F), as `rebuild` averages them."""
        return rebuild(self._rebuild, stretch, wanted, lookback=self.lookback)[0]

    def expected(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return the reconstruction (N, F)."""
        return rebuild(self._rebuild, stretch, wanted, lookback=self.lookback)[1]

    def _rebuild(self, windows: Tensor) -> Tensor:
        mean = torch.as_tensor(self.mean, dtype=torch.float32, device=windows.device)
        components = torch.as_tensor(self.components, dtype=torch.float32, device=windows.device)
        flat = windows.flatten(1) - mean
        return (flat @ components.T @ components + mean).view_as(windows)


def fit_pca(data: WindowData, origins: np.ndarray, *, lookback: int, seed: int) -> PCAPart:
    """Fit the components that hold half of the variance of training windows, evenly spread.

    Args:
        data: Windows of the part's own lookback.
        origins: Windows to learn from; at most 5,000 are used.
        lookback: Of the windows.
        seed: Of the solver, where it needs one.
    """
    some = origins[:: -(-len(origins) // PCA_WINDOWS)]
    windows = data.windows(torch.as_tensor(some, device=data.device)).flatten(1).cpu().numpy()
    if (windows == windows[0]).all():  # they have no variance to hold
        return PCAPart(windows[0], np.zeros_like(windows[:1]), lookback)
    fitted = PCA(n_components=PCA_VARIANCE, svd_solver="full", random_state=seed).fit(windows)
    # Laid out as a bundle gives them back: on some processors the layout moves the last bits.
    return PCAPart(fitted.mean_, np.ascontiguousarray(fitted.components_), lookback)


def pca_lookback(lookback: int, n_features: int) -> int:
    """Return the steps of a window that PCA sees: fewer of many features."""
    return max(1, min(lookback, PCA_NUMBERS // n_features))


@one_thread()
@torch.inference_mode()
def rebuild(
    rebuilt: Callable[[Tensor], Tensor], stretch: Stretch, wanted: np.ndarray, *, lookback: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rebuild the windows that cover wanted steps.

    retrospective: a step is averaged over the windows that cover it, half a segment apart.
    causal: it is rebuilt by the window that ends at it, and its error is that window's mean over
    the newest segment; where nothing is smoothed, over the newest step alone.

    Args:
        rebuilt: Maps windows (B, L, F) to reconstructions.
        stretch: The series.
        wanted: Rows whose error is asked for (N,).
        lookback: L.

    Returns:
        Squared errors and reconstructions (N, F), NaN where no window covers a step.
    """
    causal = stretch.mode == "causal"
    segment = min(stretch.window.segment_steps, lookback)
    newest = segment if stretch.window.smoothing_steps > 1 else 1
    origins = stretch.origins(lookback)
    if causal:
        origins = origins[wanted[origins]]
    else:
        origins = origins[covering(wanted, before=0, after=lookback - 1)[origins]]
        stride = max(1, segment // 2)
        last = stretch.run[np.minimum(origins + 1, len(stretch.run) - 1)] <= stretch.run[origins]
        # The windows at the end of a run are kept too: else its last steps would have no error.
        origins = origins[(stretch.in_series[origins] % stride == 0) | last]
    inputs = np.nan_to_num(stretch.inputs)
    data = WindowData.make(inputs, lookback=lookback, sampling_rate=1, device=stretch.device)
    total, made, count = np.zeros(inputs.shape), np.zeros(inputs.shape), np.zeros(len(inputs))
    for start in range(0, len(origins), BATCH):
        batch = origins[start : start + BATCH]
        full = np.resize(batch, BATCH)
        windows = data.windows(torch.as_tensor(full, device=stretch.device))
        answers = rebuilt(windows)[: len(batch)]
        errors = ((answers - windows[: len(batch)]) ** 2).double()
        if causal:
            total[batch] = errors[:, -newest:].mean(dim=1).cpu().numpy()
            made[batch] = answers[:, -1].cpu().numpy()
            count[batch] = 1
            continue
        of_step, answer = errors.cpu().numpy(), answers.cpu().numpy()
        for step in range(lookback):
            rows = batch - (lookback - 1 - step)
            total[rows] += of_step[:, step]
            made[rows] += answer[:, step]
            count[rows] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        averages = [
            np.where(count[:, None] > 0, each / count[:, None], np.nan) for each in (total, made)
        ]
    return averages[0], averages[1]
