"""From night to night: which steps are due for scoring, and which events are new."""

import numpy as np
import pandas as pd

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.events import find_events
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.series.panel import Panel
from pipelines_lib.tables import EVENTS, SCORES


def first_due_positions(
    lake: Lake, dataset: str, detector: Detector, panel: Panel, *, scorer: str
) -> np.ndarray:
    """Return the first calendar position to score of each series (S,).

    The step after the newest scored one; a retrospective score still changes while later windows
    cover its step, so that it starts a lookback earlier. A series without scores starts after the
    steps that the detector has learned from.
    """
    config, calendar = detector.config, panel.calendar
    learned = calendar.positions(np.array([detector.calibrated_until], dtype="datetime64[us]"))[0]
    since = np.full(len(panel.series_ids), learned + 1)
    scored = lake.last_times(dataset, SCORES, equal={"scorer": scorer, "mode": config.mode})
    known = pd.Series(np.arange(len(since)), index=panel.series_ids)
    known = known[known.index.isin(scored.index)]
    last = pd.to_datetime(scored.loc[known.index], utc=True).dt.tz_localize(None)
    back = (config.lookback - 1) * config.sampling_rate if config.mode == "retrospective" else 0
    after = calendar.positions(last.to_numpy().astype("datetime64[us]")) + 1 - back
    since[known.to_numpy()] = np.maximum(after, learned + 1)
    return since


def update_events(
    lake: Lake, dataset: str, detector: Detector, calendar: Calendar, *, scorer: str
) -> list[tuple[str, str]]:
    """Find the events in all stored scores and make the `events` table say the same.

    Returns:
        Series and start (ISO) of the events that were not there before.
    """
    mode = detector.config.mode
    of_scorer = {"scorer": scorer, "mode": mode}
    scores = lake.read_rows(dataset, SCORES, equal=of_scorer)
    found = find_events(scores, calendar=calendar, max_gap=detector.config.max_gap)
    before = lake.read_rows(dataset, EVENTS, columns=["series_id", "start"], equal=of_scorer)
    lake.replace_rows(dataset, EVENTS, found, scope=of_scorer)
    known = set(zip(before["series_id"], before["start"], strict=True))
    return [
        (str(series), start.isoformat())
        for series, start in zip(found["series_id"], found["start"], strict=True)
        if (series, start) not in known
    ]
