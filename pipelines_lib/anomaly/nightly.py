"""From night to night: which steps are due for scoring."""

import numpy as np
import pandas as pd

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import Calendar, naive_times
from pipelines_lib.series.panel import Panel
from pipelines_lib.tables import SCORES


def first_due_positions(
    lake: Lake, dataset: str, detector: Detector, panel: Panel, *, scorer: str
) -> np.ndarray:
    """Return the first calendar position to score of each series (S,).

    The step after the newest scored one, or the first whose score is stale since its history was
    restated; a retrospective score still changes while later windows cover its step, so that it
    starts a lookback earlier. A series without scores starts after the steps that the detector has
    learned from.
    """
    config, calendar = detector.config, panel.calendar
    learned = calendar.positions(np.array([detector.calibrated_until], dtype="datetime64[us]"))[0]
    since = np.full(len(panel.series_ids), learned + 1)
    of_scorer = {"scorer": scorer, "mode": config.mode}
    scored = lake.last_times(dataset, SCORES, equal=of_scorer)
    known = pd.Series(np.arange(len(since)), index=panel.series_ids)
    known = known[known.index.isin(scored.index)]
    last = pd.to_datetime(scored.loc[known.index], utc=True).dt.tz_localize(None)
    due = calendar.positions(last.to_numpy().astype("datetime64[us]")) + 1
    stale = _first_stale(lake, dataset, of_scorer, calendar, later_than=learned)
    due = np.minimum(due, stale.reindex(known.index, fill_value=np.iinfo("int64").max))
    back = (config.lookback - 1) * config.sampling_rate if config.mode == "retrospective" else 0
    since[known.to_numpy()] = np.maximum(due - back, learned + 1)
    return since


def _first_stale(
    lake: Lake, dataset: str, of_scorer: dict[str, str], calendar: Calendar, *, later_than: int
) -> pd.Series:
    """Return the position of the first stale score of each series that has one."""
    counts = lake.count_rows(dataset, SCORES, equal=of_scorer, having="stale")
    rows = lake.read_rows(
        dataset,
        SCORES,
        columns=["series_id", "time", "stale"],
        series_ids=list(counts.index[counts > 0]),
        equal=of_scorer,
    )
    rows = rows[rows["stale"].notna()]
    rows = rows.assign(position=calendar.positions(naive_times(rows["time"])))
    # What a newer detector has learned from is never scored by it, and would be due for ever.
    return rows[rows["position"] > later_than].groupby("series_id")["position"].min()
