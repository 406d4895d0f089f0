"""Champion and challenger on the same held-out steps."""

import numpy as np
import pandas as pd
import torch

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.evaluation import MODEL, average_precision
from pipelines_lib.anomaly.fit import FittedDetector
from pipelines_lib.comparison import Comparison
from pipelines_lib.series.panel import Panel


def compare_detectors(
    fitted: FittedDetector,
    champion: Detector | None,
    panel: Panel,
    *,
    device: torch.device,
) -> Comparison:
    """Compare 1 - average precision of a new detector, the champion and windowed PCA.

    The champion is given the very steps that the new one was judged on, injected anomalies
    included; only those that both can score count.
    """
    held_out, theirs, obstacle = fitted.evaluation.scores, None, ""
    if champion is not None:
        first_test = panel.calendar.times(np.array([fitted.split.test.first]))[0]
        if np.datetime64(champion.calibrated_until) >= first_test:
            obstacle = (
                f"the champion has learned from held-out rows (until "
                f"{champion.calibrated_until:.10})"
            )
        else:
            judged = fitted.evaluation.judged
            # As its nights would have: from its own calibration on, or its past would lack steps.
            since = np.full(len(judged.series_ids), champion.calibration.anchor(panel.calendar) + 1)
            shown = np.full_like(since, fitted.split.test.first)
            scored, _, _ = champion.score_panel(judged, since=since, shown=shown, device=device)
            champions = scored[["series_id", "time", MODEL]]
            held_out = held_out.merge(champions, on=["series_id", "time"], suffixes=("", "_old"))
            theirs = _missed(held_out, f"{MODEL}_old")
    return Comparison(
        _missed(held_out, MODEL), theirs, _missed(held_out, "pca"), len(held_out), obstacle
    )


def _missed(held_out: pd.DataFrame, method: str) -> float:
    return 1 - average_precision(held_out["anomaly"].to_numpy(), held_out[method].to_numpy())
