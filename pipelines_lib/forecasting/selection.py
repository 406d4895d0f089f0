"""Where trials are judged: on history that ends before the rows that the winner is judged on.

A search sees neither the test part of the forecaster's split nor the calibration part before it:
its trials get a panel that ends with the validation part, divided once more in the same way. Else
the best of many trials would be best on the test rows by luck, and the test would not tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pipelines_lib.config import DatasetConfig, ForecasterConfig
from pipelines_lib.config.space import Choices, Dimension, Value, configure
from pipelines_lib.errors import SeriesError
from pipelines_lib.forecasting.fit import FittedForecaster, fit_forecaster, split_history
from pipelines_lib.forecasting.metrics import MODEL
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.splits import Split
from pipelines_lib.training import EpochReport


@dataclass(frozen=True)
class Selection:
    """The history of a search's trials, and the rows that every one of them is judged from."""

    panel: Panel
    split: Split
    origins: np.ndarray
    """Rows of the panel (W,): windows of the longest lookback in the space are complete there."""
    last_value_mase: float
    until: str
    """Newest step that a trial may know (UTC, ISO)."""


def make_selection(
    panel: Panel,
    *,
    dataset: DatasetConfig,
    base: ForecasterConfig,
    dimensions: Sequence[Dimension],
    device: torch.device,
    until: str = "",
) -> Selection:
    """Cut the panel before the calibration part of the forecaster's split, and divide it again.

    Args:
        panel: The whole history.
        dataset: Its declaration.
        base: The forecaster that the search starts from.
        dimensions: What the search varies.
        device: Where forecasts are computed.
        until: Newest step of a search that goes on, so that it is judged on the rows it began
            with; empty: as late as the split allows.

    Raises:
        SeriesError: The history is too short to be divided twice, or ends before `until`.
    """
    longest = configure(base, {"lookback": _longest_lookback(base, dimensions)})
    last = split_history(panel, longest).validation.last
    if until:
        begun = int(panel.calendar.positions(np.array([until], dtype="datetime64[us]"))[0])
        if not 0 <= begun <= last:
            raise SeriesError(
                f"the search began on a history until {until:.10}, which is not before the "
                "calibration and test parts of the stored one: ingest what is missing, or give "
                "another search.name"
            )
        last = begun
    try:
        split = split_history(panel, longest, last=last)
    except SeriesError as error:
        raise SeriesError(
            f"a search divides the history twice, once without the held-out parts: {error}"
        ) from error
    cut = cut_panel(panel, last)
    origins, last_value_mase = _common_rows(
        cut, split, dataset=dataset, longest=longest, dimensions=dimensions, device=device
    )
    return Selection(
        cut, split, origins, last_value_mase, str(panel.calendar.times(np.array([last]))[0])
    )


def cut_panel(panel: Panel, last: int) -> Panel:
    """Return the panel without the rows after a position; a series that begins later is gone."""
    kept = panel.position <= last
    count = np.bincount(panel.row_series[kept], minlength=len(panel.series_ids))
    return replace(
        panel,
        series_ids=[panel.series_ids[number] for number in np.flatnonzero(count)],
        offsets=np.concatenate([[0], np.cumsum(count[count > 0])]),
        position=panel.position[kept],
        values=panel.values[kept],
        covariates=panel.covariates_of(kept),
    )


def judge_trial(
    config: ForecasterConfig,
    selection: Selection,
    *,
    dataset: DatasetConfig,
    device: torch.device,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> tuple[FittedForecaster, float]:
    """Fit a trial's forecaster on the selection; return it with its MASE on the common rows.

    Raises:
        SeriesError: It cannot forecast from every row that the others are judged on.
    """
    fitted = fit_forecaster(
        selection.panel,
        dataset=dataset,
        config=config,
        device=device,
        split=selection.split,
        on_epoch=on_epoch,
    )
    common = np.isin(fitted.test_origins, selection.origins)
    if common.sum() < len(selection.origins):
        raise SeriesError(
            f"it can forecast from {common.sum():,} of the {len(selection.origins):,} rows that "
            "every trial is judged on"
        )
    return fitted, float(np.nanmean(fitted.evaluation.losses[MODEL][common]))


def _longest_lookback(base: ForecasterConfig, dimensions: Sequence[Dimension]) -> int:
    """Return the steps of the longest window that a trial may need to be complete."""
    for dimension in dimensions:
        if dimension.path == "lookback":
            values = dimension.values if isinstance(dimension, Choices) else [dimension.high]
            return max(int(value) for value in values)
    return base.lookback


def _common_rows(
    panel: Panel,
    split: Split,
    *,
    dataset: DatasetConfig,
    longest: ForecasterConfig,
    dimensions: Sequence[Dimension],
    device: torch.device,
) -> tuple[np.ndarray, float]:
    """Return the rows (W,) that all trials can be judged from, and the last value's MASE there.

    The longest lookback has the fewest complete windows; besides it, only the kind of target
    decides which there are. A model without weights asks the same code, and learns nothing.
    """
    kinds = [d.values for d in dimensions if isinstance(d, Choices) and d.path == "target_kind"]
    probes = []
    for kind in kinds[0] if kinds else (longest.target_kind,):
        naive: dict[str, Value] = {"model": "last_value", "interval_method": "conformal"}
        config = configure(longest, naive | {"target_kind": kind})
        probes.append(
            fit_forecaster(panel, dataset=dataset, config=config, device=device, split=split)
        )
    rows = probes[0].test_origins
    for probe in probes[1:]:
        rows = np.intersect1d(rows, probe.test_origins)
    if len(rows) == 0:
        raise SeriesError(
            "there is no row that every trial of the space can be judged from: lower the longest "
            "lookback, or leave target_kind out"
        )
    judged = np.isin(probes[0].test_origins, rows)
    return rows, float(np.nanmean(probes[0].evaluation.losses["last_value"][judged]))
