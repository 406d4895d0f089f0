"""Champion and challenger on the same held-out rows."""

import numpy as np
import torch

from pipelines_lib.comparison import Comparison
from pipelines_lib.forecasting.fit import FittedForecaster, evaluate_on
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.forecasting.metrics import MODEL
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.windows import make_origins


def compare_forecasters(
    fitted: FittedForecaster, champion: Forecaster | None, panel: Panel, *, device: torch.device
) -> Comparison:
    """Compare the MASE of a new forecaster, the champion and the last value.

    Only windows that both can forecast from count.
    """
    losses, origins = fitted.evaluation.losses, fitted.test_origins
    both, champion_losses, obstacle = np.ones(len(origins), dtype=bool), None, ""
    if champion is not None:
        obstacle = _obstacle(fitted, champion, panel)
    if champion is not None and not obstacle:
        prepared = champion.prepare(panel)
        possible = make_origins(
            prepared.inputs_known,
            offsets=panel.offsets,
            lookback=champion.config.lookback,
            sampling_rate=champion.config.sampling_rate,
        )
        # A series that the champion does not know would be scaled by the held-out rows.
        known = np.isin(panel.series_ids, champion.series_ids)[panel.row_series[origins]]
        both = np.isin(origins, possible) & known
        judged = evaluate_on(
            champion,
            prepared,
            origins[both],
            scale=fitted.scale,
            season=fitted.season,
            device=device,
        )
        champion_losses = judged.losses[MODEL]
    return Comparison(
        float(np.nanmean(losses[MODEL][both])),
        None if champion_losses is None else float(np.nanmean(champion_losses)),
        float(np.nanmean(losses["last_value"][both])),
        int(both.sum()),
        obstacle,
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
