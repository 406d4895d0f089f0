"""Isolation forest over windows: a rival that every detector should beat."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.ensemble import IsolationForest

from pipelines_lib.anomaly.judging import find_width

TREES = 100
FITTED_WINDOWS = 8192
CELLS_AT_ONCE = 10_000_000


def score_isolation_forest(values: np.ndarray, *, n_train: int, mode: str, seed: int) -> np.ndarray:
    """Return (n,) how easily the windows of each step are isolated.

    A window is as wide as the dominant period of the first feature. Retrospectively the forest is
    fitted on all windows, and a step's score is the mean over the windows that cover it; causally
    it is fitted on the first `n_train` rows, and a step's score is that of the window that ends
    there, NaN before the end of the history.

    Args:
        values: (n, m).
        n_train: Rows of history.
        mode: `causal` or `retrospective`.
        seed: Of the forest and of the windows that it is fitted on.
    """
    causal = mode == "causal"
    known = values[:n_train] if causal else values
    width = max(1, min(find_width(known[:, 0]), len(known) // 4))
    windows = sliding_window_view(values, width, axis=0)  # (n - width + 1, m, width)
    fitted = windows[: len(known) - width + 1]
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(fitted))[:FITTED_WINDOWS]
    forest = IsolationForest(n_estimators=TREES, random_state=seed)
    forest.fit(_rows(fitted[np.sort(drawn)]))
    at_once = max(1, CELLS_AT_ONCE // (width * values.shape[1]))
    strange = np.concatenate(
        [
            -forest.score_samples(_rows(windows[begin : begin + at_once]))
            for begin in range(0, len(windows), at_once)
        ]
    )
    if causal:
        score = np.concatenate([np.full(width - 1, np.nan), strange])
        score[:n_train] = np.nan
        return score
    total = np.convolve(strange, np.ones(width))
    return total / np.convolve(np.ones(len(strange)), np.ones(width))


def _rows(windows: np.ndarray) -> np.ndarray:
    return windows.reshape(len(windows), -1).astype(np.float32)
