"""Read forecasts back: whether what a night set out to forecast stands in the lake."""

from datetime import datetime

import numpy as np
import pandas as pd

from pipelines_lib.errors import shown
from pipelines_lib.forecasting.nights import Night
from pipelines_lib.lake import Lake
from pipelines_lib.tables import FORECASTS

ENDS = ("value", "lower", "upper")
ROUNDING = 1e-9
"""Share of a forecast by which the end of an interval may lie on its wrong side."""


def find_absent_forecasts(
    lake: Lake, dataset: str, *, origin: datetime, night: Night | None
) -> list[str]:
    """Say what is wrong with the forecasts from an origin; empty: they stand as they should.

    Expected are the night's series, of each every step of the horizon, finite, its interval in
    order. Rows that a later ingest marked as stale count: they stood. Only the origin's are read.

    Args:
        lake: Where the tables lie.
        dataset: Name of the dataset.
        origin: The newest step that the forecasts knew, UTC.
        night: What was meant to be forecast; None: nothing tells, and the rows that are there are
            judged by themselves.

    Returns:
        One sentence a kind of fault, naming the first few series.

    Raises:
        LakeError: A table cannot be read.
    """
    rows = lake.read_rows(
        dataset,
        FORECASTS,
        columns=["series_id", "step", *ENDS],
        moments={"origin": origin},
        equal={"model": night.model} if night else None,
    )
    since = _shown(origin)
    if len(rows) == 0:
        none_due = night is not None and not night.expected
        return [] if none_due else [f"no forecast from {since} stands in the lake"]
    faults = []
    if night is not None:
        missing = sorted(set(night.expected) - set(rows["series_id"]))
        if missing:
            faults.append(
                f"{len(missing):,} of {len(night.expected):,} series have no forecast from "
                f"{since}: {shown(missing)}"
            )
    horizon = night.horizon if night else int(rows["step"].max())
    ahead = rows[rows["step"].between(1, horizon)]
    steps = ahead.groupby("series_id")["step"].nunique()
    steps = steps.reindex(rows["series_id"].unique(), fill_value=0)
    short = [f"{name} ({n} of {horizon})" for name, n in steps[steps < horizon].items()]
    values = ahead[list(ENDS)].to_numpy("float64")
    finite = np.isfinite(values).all(axis=1)
    value, lower, upper = values.T
    slack = ROUNDING * np.abs(value)
    with np.errstate(invalid="ignore"):
        ordered = (lower <= value + slack) & (value <= upper + slack)
    for names, what in (
        (short, "lack steps of the horizon"),
        (_names(ahead, ~finite), "have forecasts that are no finite numbers"),
        (_names(ahead, finite & ~ordered), "have intervals that do not hold their forecast"),
    ):
        if names:
            faults.append(f"{len(names):,} series {what}, from {since}: {shown(names)}")
    return faults


def _names(rows: pd.DataFrame, where: np.ndarray) -> list[str]:
    return sorted(rows.loc[where, "series_id"].unique())


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
