"""Champion and challenger on the same held-out rows."""

import numpy as np
import torch

from pipelines_lib.comparison import Comparison, PairedTest
from pipelines_lib.forecasting.fit import FittedForecaster, evaluate_on
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.forecasting.metrics import MODEL
from pipelines_lib.forecasting.origins import find_origins
from pipelines_lib.forecasting.significance import paired_test
from pipelines_lib.series.panel import Panel


def compare_forecasters(
    fitted: FittedForecaster, champion: Forecaster | None, panel: Panel, *, device: torch.device
) -> Comparison:
    """Compare the MASE of a new forecaster, the champion and the last value, and test them.

    Only windows that both can forecast from count.
    """
    judged, origins = fitted.evaluation.judged, fitted.test_origins
    losses = fitted.evaluation.losses
    both, theirs, obstacle = np.ones(len(origins), dtype=bool), None, ""
    if champion is not None:
        obstacle = _obstacle(fitted, champion, panel)
    if champion is not None and not obstacle:
        prepared = champion.prepare(panel)
        both = np.isin(origins, find_origins(champion, prepared))
        if not both.any():
            obstacle = "the champion can forecast from none of the held-out windows"
    if champion is not None and not obstacle:
        theirs = evaluate_on(
            champion,
            prepared,
            origins[both],
            scale=fitted.scale,
            season=fitted.season,
            device=device,
        ).losses[MODEL]
    if obstacle:  # nothing is compared, so nothing is left out
        both = np.ones(len(origins), dtype=bool)
    ours, naive, position = losses[MODEL][both], losses["last_value"][both], judged.position[both]

    def versus(other: np.ndarray) -> PairedTest:
        return paired_test(ours, other, position=position, reach=judged.reach)

    return Comparison(
        float(np.nanmean(ours)),
        None if theirs is None else float(np.nanmean(theirs)),
        float(np.nanmean(naive)),
        int(both.sum()),
        obstacle,
        None if theirs is None else versus(theirs),
        versus(naive),
    )


def _obstacle(fitted: FittedForecaster, champion: Forecaster, panel: Panel) -> str:
    ours, theirs = fitted.forecaster.config, champion.config
    for name in ("horizon", "sampling_rate"):
        if getattr(ours, name) != getattr(theirs, name):
            return (
                f"{name} {getattr(ours, name)} cannot be compared with the champion's "
                f"{getattr(theirs, name)}"
            )
    if fitted.forecaster.dataset.target != champion.dataset.target:
        return f"the champion forecasts {champion.dataset.target}"
    first = panel.calendar.times(np.array([panel.position[fitted.test_origins].min()]))
    if np.datetime64(champion.calibrated_until) > first[0]:
        return (
            f"the champion has learned from held-out rows (until {champion.calibrated_until:.10})"
        )
    return ""
