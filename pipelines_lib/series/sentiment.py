"""Daily sentiment as covariates of a panel: known of every row, point in time.

Shapes: N rows of the panel, E rows of the table.
"""

import numpy as np
import pyarrow as pa

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake, encode_text
from pipelines_lib.series.panel import Panel
from pipelines_lib.tables import SENTIMENT, TIME

COVARIATES = ("sentiment", "sentiment_count", "sentiment_dispersion", "sentiment_mood")
"""Features that documents give a series."""

READ = ["series_id", "time", "documents", "mean", "dispersion", "mood"]


def scorer_name(dataset: DatasetConfig) -> str:
    """Return the registered name of the classifier that scores a dataset's documents."""
    return f"{dataset.documents.classifier or dataset.name}-classifier"


def read_covariates(lake: Lake, dataset: DatasetConfig, panel: Panel) -> dict[str, np.ndarray]:
    """Read the sentiment of a panel's rows (N,), by feature; nothing where nothing was scored.

    A value column that is named like one of them goes before it.
    """
    if not dataset.has_documents:
        return {}
    only = {"scorer": scorer_name(dataset)}
    daily = lake.read_table(
        dataset.name, SENTIMENT, columns=READ, series_ids=panel.series_ids, equal=only
    )
    if daily.num_rows == 0 and lake.count_rows(dataset.name, SENTIMENT, equal=only).empty:
        return {}
    return make_covariates(daily, panel, halflife_steps=dataset.documents.halflife_steps)


def make_covariates(
    daily: pa.Table, panel: Panel, *, halflife_steps: float
) -> dict[str, np.ndarray]:
    """Lay daily sentiment out on the rows of a panel.

    Args:
        daily: `series_id`, `time`, `documents`, `mean`, `dispersion`, `mood` in any order, one row
            a series and step with documents; of other series than the panel's, too.
        panel: The rows.
        halflife_steps: Steps after which a mood counts half.

    Returns:
        The features of COVARIATES (N,). Steps without documents have mean, count and dispersion 0,
        and the last mood, decayed; before the first document all are 0.
    """
    code, names = encode_text(daily["series_id"])
    number = {name: s for s, name in enumerate(panel.series_ids)}
    series = np.array([number.get(name, -1) for name in names], dtype="int64")[code]
    times = daily["time"].cast(TIME).cast(pa.timestamp("us")).to_numpy()
    position = panel.calendar.positions(times)
    # One number for series and position, in the order of both: a binary search finds a step.
    span = max(panel.last_position, int(position.max(initial=0))) + 1
    kept = np.flatnonzero((series >= 0) & (position >= 0))
    key = series[kept] * span + position[kept]
    order = kept[np.argsort(key)]
    key = np.concatenate([[-1], np.sort(key)])  # a first entry for rows before any document
    wanted = panel.row_series * span + panel.position
    at = np.searchsorted(key, wanted, side="right") - 1
    same_step, same_series = key[at] == wanted, key[at] // span == panel.row_series

    def of_row(name: str) -> np.ndarray:
        values = daily[name].to_numpy().astype("float64")
        return np.concatenate([[0.0], values[order]])[at]

    age = np.where(same_series, wanted - key[at], 0)
    return {
        "sentiment": np.where(same_step, of_row("mean"), 0.0),
        "sentiment_count": np.log1p(np.where(same_step, of_row("documents"), 0.0)),
        "sentiment_dispersion": np.where(same_step, of_row("dispersion"), 0.0),
        "sentiment_mood": np.where(same_series, of_row("mood") * decay(age, halflife_steps), 0.0),
    }


def decay(steps: np.ndarray, halflife_steps: float) -> np.ndarray:
    """Return what is left of a polarity after some steps, as a share: 2^(-steps / half-life)."""
    return np.exp2(-steps / halflife_steps)
