"""The `events` table: what it becomes after a night or a verdict, and what is shown of it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines_lib.anomaly.events import OPEN, event_ids, find_events
from pipelines_lib.anomaly.stored_events import read_events
from pipelines_lib.anomaly.verdicts import find_ignored, read_verdicts
from pipelines_lib.config.detector import EventConfig
from pipelines_lib.errors import SeriesError, shown
from pipelines_lib.lake import Lake
from pipelines_lib.lake.arrow import to_pandas
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.tables import EVENTS, SCORES

IGNORED = "ignored until "
BETWEEN_REASONS = "; "
READ = [
    *("series_id", "time", "mode", "scorer", "score", "threshold", "p_value"),
    *("part", "feature", "run_id", "model_version"),
]
"""Columns of scores that events are made of."""


@dataclass(frozen=True)
class NightEvents:
    """What a night changed in the events of a scorer, as event ids."""

    new: list[str]
    """Those that were not there before."""
    extended: list[str]
    """Those that were there, and have more alarms now."""
    quiet: list[str]
    """Those of the new ones that give no alert."""


def update_events(
    lake: Lake,
    dataset: str,
    *,
    calendar: Calendar,
    config: EventConfig,
    scorer: str,
    mode: str,
) -> NightEvents:
    """Find the events in all stored scores and make the `events` table say the same.

    A stale score counts for nothing: it speaks of a history that was restated since.
    """
    of_scorer = {"scorer": scorer, "mode": mode}
    alarms = _read_alarms(lake, dataset, of_scorer)
    newest = lake.last_times(dataset, SCORES, equal=of_scorer)
    found = find_events(alarms, calendar=calendar, config=config, newest=newest)
    found["quiet"] = _say_ignored(found, read_verdicts(lake, dataset))
    columns = ["series_id", "start", "mode", "scorer", "n_steps"]
    before = lake.read_rows(dataset, EVENTS, columns=columns, equal=of_scorer)
    lake.replace_rows(dataset, EVENTS, found, scope=of_scorer)
    had = pd.Series(before["n_steps"].to_numpy(dtype=float), index=event_ids(before))
    steps_before = had.reindex(found["event_id"]).to_numpy()
    new = np.isnan(steps_before)
    return NightEvents(
        new=found["event_id"][new].tolist(),
        extended=found["event_id"][found["n_steps"] > steps_before].tolist(),
        quiet=found["event_id"][new & found["quiet"].ne("")].tolist(),
    )


def refresh_quiet(lake: Lake, dataset: str) -> int:
    """Bring what verdicts say of quiet into the stored events, and count those that changed.

    What a cool-down says stays: only a night knows how long it lasts.
    """
    events = read_events(lake, dataset)
    quiet = _say_ignored(events, read_verdicts(lake, dataset))
    changed = quiet != events["quiet"].fillna("")
    lake.merge_rows(dataset, EVENTS, events.assign(quiet=quiet)[changed])
    return int(changed.sum())


def list_events(
    lake: Lake,
    dataset: str,
    *,
    only_open: bool = False,
    series_id: str = "",
    since: datetime | None = None,
) -> pd.DataFrame:
    """Return stored events with what people said of them, the newest first.

    Args:
        lake: Where the tables lie.
        dataset: Name of the dataset.
        only_open: Only those that a next alarm would extend.
        series_id: Only those of this series; empty: all.
        since: Only those that last until then or longer; None: all.

    Returns:
        The columns of `events`, and `verdict` and `note`, empty where nobody said anything.

    Raises:
        SeriesError: No event of this series is stored.
    """
    events = read_events(lake, dataset)
    if series_id and not events["series_id"].eq(series_id).any():
        known = shown(events["series_id"].unique()) or "none at all"
        raise SeriesError(
            f"dataset {dataset} has no event of series {series_id!r} (it has events of {known}): "
            "correct --series"
        )
    wanted = pd.Series(True, index=events.index)
    if series_id:
        wanted &= events["series_id"] == series_id
    if only_open:
        wanted &= events["state"] == OPEN
    if since is not None:
        wanted &= events["end"] >= since
    said = read_verdicts(lake, dataset)[["event_id", "verdict", "note"]]
    listed = events[wanted].merge(said, on="event_id", how="left")
    listed = listed.fillna({"verdict": "", "note": "", "quiet": "", "state": ""})
    return listed.sort_values(
        ["start", "series_id"], ascending=[False, True], kind="stable", ignore_index=True
    )


def _read_alarms(lake: Lake, dataset: str, of_scorer: dict[str, str]) -> pd.DataFrame:
    """Read the valid alarms: few rows of many, chosen before they become a frame."""
    scores = lake.read_table(
        dataset, SCORES, columns=[*READ, "anomalous", "stale"], equal=of_scorer
    )
    # Rows of schemas before 3 do not say whether they are alarms.
    anomalous = pc.coalesce(scores["anomalous"], pc.greater(scores["score"], scores["threshold"]))
    valid = pc.and_(pc.is_null(scores["stale"]), anomalous)
    # Text as the engine holds it cannot be filtered; column by column, to keep the copies small.
    columns = [scores[name].cast(SCORES.schema.field(name).type).filter(valid) for name in READ]
    return to_pandas(pa.table(columns, names=READ)).assign(anomalous=True)


def _say_ignored(events: pd.DataFrame, verdicts: pd.DataFrame) -> pd.Series:
    """Return `quiet` with what verdicts say of it now."""
    reasons = events["quiet"].fillna("").str.split(BETWEEN_REASONS, regex=False)
    others = [[r for r in said if r and not r.startswith(IGNORED)] for said in reasons]
    until = find_ignored(events, verdicts)
    ignored = np.where(until.notna(), IGNORED + until.dt.strftime("%Y-%m-%d").fillna(""), "")
    joined = [
        BETWEEN_REASONS.join([*r, *([i] if i else [])])
        for r, i in zip(others, ignored, strict=True)
    ]
    return pd.Series(joined, index=events.index, dtype="str")
