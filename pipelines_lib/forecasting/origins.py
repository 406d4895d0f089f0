"""Which windows a fitted forecaster can be judged on."""

import numpy as np

from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.forecasting.prepare import Prepared
from pipelines_lib.series.splits import Span
from pipelines_lib.series.windows import make_origins


def find_origins(
    forecaster: Forecaster, prepared: Prepared, *, span: Span | None = None
) -> np.ndarray:
    """Return the origins that it can forecast from and be judged on, in row order.

    The window is complete, every target is known, and the series is one that it has scalers for: a
    series that it does not know would be scaled by the very rows it is judged on.

    Args:
        forecaster: The fitted forecaster.
        prepared: The panel as it prepared it.
        span: All targets lie in these positions; None: anywhere.
    """
    config, panel = forecaster.config, prepared.panel
    rate = config.sampling_rate
    origins = make_origins(
        prepared.run,
        offsets=panel.offsets,
        lookback=config.shortest,
        sampling_rate=rate,
        targets_known=prepared.targets_known,
        horizon=config.horizon,
    )
    known = prepared.known_series[origins] < len(forecaster.series_ids)
    if span is not None:
        position = panel.position[origins]
        known &= span.holds(position + rate, position + config.horizon * rate)
    return origins[known]
