"""Reconstructions without a network, scored exactly as the autoencoder is.

Shapes: B batch, L lookback, F features, K components.
"""

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from pipelines_lib.training import WindowData

PCA_VARIANCE = 0.5
PCA_WINDOWS = 20_000


class WindowedPCA(nn.Module):
    """Rebuild a window from the principal components that hold half of the variance."""

    mean: Tensor
    components: Tensor

    def __init__(self, mean: Tensor, components: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)  # (L * F,)
        self.register_buffer("components", components)  # (K, L * F)

    def forward(self, window: Tensor) -> Tensor:
        """Map scaled windows (B, L, F) to their reconstructions (B, L, F)."""
        flat = window.flatten(1) - self.mean
        return (flat @ self.components.T @ self.components + self.mean).view_as(window)


class Energy(nn.Module):
    """Rebuild nothing, so that the error is the squared z-score of the step."""

    def forward(self, window: Tensor) -> Tensor:
        """Map windows (B, L, F) to zeros."""
        return torch.zeros_like(window)


def fit_windowed_pca(data: WindowData, train_origins: np.ndarray, *, seed: int) -> WindowedPCA:
    """Fit the components on at most 20,000 training windows, evenly spread."""
    every = -(-len(train_origins) // PCA_WINDOWS)
    windows = data.windows(torch.as_tensor(train_origins[::every], device=data.device))
    fitted = PCA(n_components=PCA_VARIANCE, svd_solver="full", random_state=seed).fit(
        windows.flatten(1).cpu().numpy()
    )
    return WindowedPCA(
        torch.as_tensor(fitted.mean_, dtype=torch.float32, device=data.device),
        torch.as_tensor(fitted.components_, dtype=torch.float32, device=data.device),
    )
