"""Scores from reconstruction errors.

Shapes: N rows, F features, B batch, L lookback.
"""

import numpy as np
import torch
from torch import nn

from pipelines_lib.training import WindowData

WINDOWS_AT_ONCE = 8_192


@torch.inference_mode()
def score_steps(
    network: nn.Module, data: WindowData, origins: np.ndarray, *, mode: str
) -> tuple[np.ndarray, np.ndarray]:
    """Score the steps that windows cover.

    retrospective: a step's error is averaged over all given windows that cover it, also those that
    end later. causal: it comes from the window that ends at the step, so that later steps cannot
    change it.

    Args:
        network: Maps windows (B, L, F) to reconstructions.
        data: The scaled series.
        origins: Windows to reconstruct.
        mode: retrospective or causal.

    Returns:
        Score of each row (N,): the mean over features of the squared error in scaled units, NaN
        where no window covers it; and the number of the feature with the largest share (N,).
    """
    network.eval()
    n_rows, n_features = data.inputs.shape
    total = torch.zeros(n_rows, n_features, device=data.device, dtype=torch.float64)
    count = torch.zeros(n_rows, device=data.device)
    for batch in torch.as_tensor(origins, device=data.device).split(WINDOWS_AT_ONCE):
        if len(batch) == 0:
            continue
        windows = data.windows(batch)
        error = (network(windows).float() - windows) ** 2
        rows = batch[:, None] + data.lookback
        if mode == "causal":
            error, rows = error[:, -1:], rows[:, -1:]
        total.index_add_(0, rows.flatten(), error.flatten(0, 1).double())
        count.index_add_(0, rows.flatten(), torch.ones(rows.numel(), device=data.device))
    by_feature = total / count[:, None]
    score = by_feature.mean(dim=1)
    strongest = torch.nan_to_num(by_feature, nan=-1.0).argmax(dim=1)
    return score.cpu().numpy(), strongest.cpu().numpy()
