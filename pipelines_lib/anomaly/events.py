"""Events: runs of steps above the threshold."""

import numpy as np
import pandas as pd

from pipelines_lib.series.calendar import Calendar, naive_times


def find_events(scores: pd.DataFrame, *, calendar: Calendar, max_gap: int) -> pd.DataFrame:
    """Group the steps whose score exceeds their threshold into events.

    Args:
        scores: Columns `series_id`, `time`, `score`, `threshold`, `feature`, sorted by series and
            time, one row a step; further columns are carried from an event's peak.
        calendar: Tells how many steps lie between two times.
        max_gap: Steps at or below the threshold that do not split an event.

    Returns:
        One row per event: the columns of its peak's row, and `start`, `end` (inclusive), `peak`,
        `peak_score`, `severity` (peak score over threshold), `n_steps` (anomalous ones),
        `features` (those that contributed most, by the summed score of the steps they led).
    """
    above = scores[scores["score"] > scores["threshold"]].reset_index(drop=True)
    position = calendar.positions(naive_times(above["time"]))
    series, _ = pd.factorize(above["series_id"])
    new_series = np.diff(series, prepend=-1) != 0
    apart = np.diff(position, prepend=0) > max_gap + 1
    above["event"] = np.cumsum(new_series | apart)
    by_event = above.groupby("event")
    peak = above.loc[by_event["score"].idxmax()].set_index("event")
    led = above.groupby(["event", "feature"])["score"].sum().reset_index()
    led = led.sort_values(["event", "score"], ascending=[True, False])
    events = peak.rename(columns={"time": "peak", "score": "peak_score"}).assign(
        start=by_event["time"].min(),
        end=by_event["time"].max(),
        n_steps=by_event.size().astype("int64"),
        severity=peak["score"] / peak["threshold"],
        features=led.groupby("event")["feature"].agg(lambda names: ", ".join(names[:3])),
    )
    return events.drop(columns=["feature", "threshold"]).reset_index(drop=True)
