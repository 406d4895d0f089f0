"""Events: runs of alarms of a series, with ids that stay the same from night to night."""

from hashlib import blake2b

import numpy as np
import pandas as pd

from pipelines_lib.config.detector import EventConfig
from pipelines_lib.series.calendar import Calendar, naive_times

MOST_NAMES = 3
"""Features, or parts of the score, that an event names at most."""
OPEN, CLOSED = "open", "closed"
OF_A_STEP = ["threshold", "anomalous", "part", "feature"]
"""Columns of scores that say something of one step, and not of its event."""


def find_events(
    scores: pd.DataFrame,
    *,
    calendar: Calendar,
    config: EventConfig,
    newest: pd.Series | None = None,
) -> pd.DataFrame:
    """Group the alarms of each series into events.

    An event is a run of alarms with at most `max_gap` steps without one between two of them. It
    comes to be with its alarm number `min_steps`, with its true start. Since alarms of earlier
    steps never change, an event found on one night is found on the next with the same start and
    id, and with the same end unless it has grown.

    Args:
        scores: Rows of one scorer and mode, one a series and step, in any order: `series_id`,
            `time`, `mode`, `scorer`, `score`, `threshold`, `p_value`, `anomalous`, `part`,
            `feature`; further columns are carried from an event's peak. Rows without an alarm
            may be missing.
        calendar: Tells how many steps lie between two times.
        config: Gap (found out already: 0 or more), length and cool-down.
        newest: Time of the newest scored step by series; None: the newest among `scores`.

    Returns:
        One row per event, by series and start: the columns of its peak's row, and `event_id`,
        `start`, `end` (inclusive), `peak` (the first of equals), `peak_score`, `severity` (peak
        score over its threshold; above a threshold of 0: 1 + the score), `p_value` (the
        smallest), `n_steps` (alarms), `features` and `parts` (by the summed score of the alarms
        they led), `state` (open: an alarm at the next step would extend it), `quiet` (within the
        cool-down after the series' previous event, or empty).
    """
    if newest is None:
        newest = scores.groupby("series_id")["time"].max()
    anomalous = scores["anomalous"].astype("boolean").fillna(False).astype(bool)
    alarms = scores[anomalous].sort_values(["series_id", "time"], ignore_index=True)
    position = calendar.positions(naive_times(alarms["time"]))
    number, _ = pd.factorize(alarms["series_id"])
    new_series = np.diff(number, prepend=-1) != 0
    apart = np.diff(position, prepend=0) > config.max_gap + 1
    alarms["event"] = np.cumsum(new_series | apart)
    n_steps = alarms.groupby("event")["score"].transform("size")
    alarms = alarms[n_steps >= config.min_steps]
    by_event = alarms.groupby("event")
    peak = alarms.loc[by_event["score"].idxmax()].set_index("event")
    events = peak.rename(columns={"time": "peak", "score": "peak_score"}).assign(
        start=by_event["time"].min(),
        end=by_event["time"].max(),
        n_steps=by_event.size().astype("int64"),
        severity=_severity(peak["score"].to_numpy(), peak["threshold"].to_numpy()),
        p_value=by_event["p_value"].min(),
        features=_strongest(alarms, "feature", peak.index),
        parts=_strongest(alarms, "part", peak.index),
    )
    events = events.drop(columns=OF_A_STEP).reset_index(drop=True)
    events["event_id"] = event_ids(events)
    scored = pd.to_datetime(newest.reindex(events["series_id"]), utc=True)
    start, end, last = (
        calendar.positions(naive_times(times)) for times in (events["start"], events["end"], scored)
    )
    events["state"] = np.where(last - end <= config.max_gap, OPEN, CLOSED)
    gap = start - np.roll(end, 1)
    events["quiet"] = _cool_down(events, gap, config.cooldown_steps)
    return events


def event_ids(events: pd.DataFrame) -> pd.Series:
    """Return an id for each event that is made of its key alone.

    Args:
        events: Columns `series_id`, `start`, `mode`, `scorer`.
    """
    keys = zip(events["series_id"], events["start"], events["mode"], events["scorer"], strict=True)
    texts = [
        f"{series}|{start.isoformat()}|{mode}|{scorer}" for series, start, mode, scorer in keys
    ]
    ids = ["e" + blake2b(text.encode(), digest_size=5).hexdigest() for text in texts]
    return pd.Series(ids, index=events.index, dtype="str")


def _severity(score: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    above = threshold > 0
    return np.where(above, score / np.where(above, threshold, 1.0), 1.0 + score)


def _strongest(alarms: pd.DataFrame, column: str, events: pd.Index) -> pd.Series:
    """Return for each event the names that led most of its summed score, joined."""
    led = alarms.groupby(["event", column])["score"].sum().reset_index()
    led = led.sort_values(["event", "score"], ascending=[True, False], kind="stable")
    led = led[led.groupby("event").cumcount() < MOST_NAMES]
    return led.groupby("event")[column].agg(", ".join).reindex(events, fill_value="")


def _cool_down(events: pd.DataFrame, gap: np.ndarray, steps: int) -> np.ndarray:
    """Return why an event is quiet that begins `gap` steps after the end of the one before."""
    follows = events["series_id"].eq(events["series_id"].shift()).to_numpy()
    reason = "within the cool-down of " + events["event_id"].shift(fill_value="")
    return np.where(follows & (gap <= steps), reason, "")
