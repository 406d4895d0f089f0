"""Thresholds fitted on calibration scores."""

import numpy as np

from pipelines_lib.errors import SeriesError

MIN_SCORES = 20


def fit_threshold(scores: np.ndarray, *, kind: str, k: float, quantile: float) -> float:
    """Fit a threshold; scores strictly above it are anomalous.

    Args:
        scores: Calibration scores (n,), NaN left out.
        kind: k_sigma: mean + k standard deviations; quantile: the quantile of the scores.
        k: For k_sigma.
        quantile: For quantile, in (0, 1).

    Raises:
        SeriesError: There are fewer than 20 scores.
    """
    known = scores[np.isfinite(scores)]
    if len(known) < MIN_SCORES:
        raise SeriesError(
            f"{len(known)} calibration scores, a threshold needs {MIN_SCORES}: ingest more history "
            "or raise split.calibration_steps"
        )
    if kind == "k_sigma":
        return float(known.mean() + k * known.std())
    return float(np.quantile(known, quantile))
