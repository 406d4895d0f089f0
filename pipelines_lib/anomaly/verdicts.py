"""What people say of events: recorded, and used for labels, silence and advice."""

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

import numpy as np
import pandas as pd

from pipelines_lib.anomaly.stored_events import read_events
from pipelines_lib.errors import ConfigError, SeriesError, shown
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import Calendar, naive_times
from pipelines_lib.tables import VERDICTS

TRUE, FALSE, IGNORE = "true", "false", "ignore"
MIN_JUDGED = 5
"""Fewer events that are judged true or false make no advice."""


@dataclass(frozen=True)
class Advice:
    """A severity that tells the true events from the false ones better than none."""

    severity: float
    """Events above it are kept."""
    kept: int
    n_true: int
    dropped: int
    n_false: int
    k: float | None
    """The k of a fixed threshold that keeps the same events; None: it is of another kind."""

    @property
    def sentence(self) -> str:
        """Return the advice in words."""
        if self.n_true == 0:
            said = f"none is true; severity above {self.severity:g} drops all of them"
        else:
            said = (
                f"{self.n_true} are true; severity above {self.severity:g} keeps {self.kept} of "
                f"{self.n_true} true and drops {self.dropped} of {self.n_false} false"
            )
        remedy = "" if self.k is None else f": set detector.threshold.k={self.k:g} (kind fixed)"
        return f"of {self.n_true + self.n_false} judged events {said}{remedy}"


def record_verdict(
    lake: Lake,
    dataset: str,
    event_id: str,
    *,
    verdict: str,
    until: datetime | None,
    note: str,
    at: datetime,
) -> pd.Series:
    """Keep what a person says of an event; a later verdict takes the place of an earlier one.

    Args:
        lake: Where the tables lie.
        dataset: Name of the dataset.
        event_id: The event.
        verdict: true, false, or ignore.
        until: ignore: events of the series up to here give no alert, UTC.
        note: Why, in the person's words.
        at: When it was given, UTC.

    Returns:
        The stored row of `verdicts`.

    Raises:
        SeriesError: There is no such event.
        ConfigError: The verdict is another word, or `until` does not suit it.
    """
    if verdict not in (TRUE, FALSE, IGNORE):
        raise ConfigError(f"verdict {verdict!r} is unknown: say true, false or ignore")
    if (until is not None) != (verdict == IGNORE):
        remedy = "say until when" if verdict == IGNORE else "leave it out"
        raise ConfigError(f"verdict {verdict} and until={until}: only ignore has an end, {remedy}")
    columns = ["event_id", "series_id", "start", "end"]
    events = read_events(lake, dataset)[columns]
    found = events[events["event_id"] == event_id]
    if found.empty:
        near = get_close_matches(event_id, events["event_id"].unique(), n=3, cutoff=0.5)
        meant = f" (near: {shown(near)})" if near else ""
        raise SeriesError(
            f"dataset {dataset} has no event {event_id!r}{meant}: `tidewatch events {dataset}` "
            "lists them"
        )
    start = found["start"].iloc[0]
    if until is not None and pd.Timestamp(until) <= start:
        raise ConfigError(
            f"until={until:%Y-%m-%d} is not later than the start of event {event_id}, "
            f"{start:%Y-%m-%d %H:%M}: give a later date"
        )
    end = pd.NaT if until is None else pd.Timestamp(until).tz_convert("UTC")
    row = found.assign(
        verdict=verdict,
        until=pd.Series([end], index=found.index, dtype=found["start"].dtype),
        note=note,
        at=pd.Timestamp(at),
    )
    lake.merge_rows(dataset, VERDICTS, row)
    return row.iloc[0]


def read_verdicts(lake: Lake, dataset: str) -> pd.DataFrame:
    """Return all verdicts, one row an event."""
    return lake.read_rows(dataset, VERDICTS)


def find_ignored(events: pd.DataFrame, verdicts: pd.DataFrame) -> pd.Series:
    """Return up to when events are ignored: the latest such verdict, NaT: they are not.

    A verdict speaks of the events of its series that begin from its event's start up to its end.

    Args:
        events: Columns `series_id`, `start`.
        verdicts: As `read_verdicts` returns them.
    """
    ignores = verdicts[verdicts["verdict"] == IGNORE]
    named = ignores[["series_id", "start", "until"]].rename(columns={"start": "since"})
    pairs = events[["series_id", "start"]].reset_index().merge(named, on="series_id")
    pairs = pairs[(pairs["start"] >= pairs["since"]) & (pairs["start"] <= pairs["until"])]
    return pairs.groupby("index")["until"].max().reindex(events.index)


def labels_of(verdicts: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Return the steps that people have judged.

    Returns:
        `series_id`, `time`, `anomalous` (true: an anomaly; false: known to be normal), one row a
        step, sorted. A step of a true and of a false event is an anomaly.
    """
    judged = verdicts[verdicts["verdict"].isin([TRUE, FALSE])].reset_index(drop=True)
    first, last = (calendar.positions(naive_times(judged[name])) for name in ("start", "end"))
    length = last - first + 1
    row = np.repeat(np.arange(len(judged)), length)
    ahead = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    labels = pd.DataFrame(
        {
            "series_id": judged["series_id"].to_numpy()[row],
            "time": pd.Series(calendar.times(first[row] + ahead)).dt.tz_localize("UTC"),
            "anomalous": judged["verdict"].eq(TRUE).to_numpy()[row],
        }
    )
    by_step = labels.groupby(["series_id", "time"])["anomalous"]
    return by_step.max().reset_index()


def correct_labels(
    labels: pd.DataFrame, verdicts: pd.DataFrame, calendar: Calendar
) -> pd.DataFrame:
    """Return a dataset's own labels with what people have said since: `series_id`, `time`.

    Where a dataset has no labels, verdicts make none: they are only of what was found, and all
    that nobody looked at would pass for normal.
    """
    labels = labels[["series_id", "time"]]
    if len(labels) == 0:
        return labels
    said = labels_of(verdicts, calendar)
    both = pd.concat([labels.assign(anomalous=True), said], ignore_index=True)
    last = both.drop_duplicates(["series_id", "time"], keep="last")
    return last[last["anomalous"]].drop(columns="anomalous").reset_index(drop=True)


def evaluate_on_verdicts(alarms: pd.DataFrame, verdicts: pd.DataFrame) -> dict[str, float]:
    """Return what a detector makes of the events that people have judged.

    Args:
        alarms: `series_id`, `time`, `anomalous` of the steps that it has scored.
        verdicts: What people said.

    Returns:
        `judged_true_events` and `judged_false_events` among the scored steps;
        `judged_true_found_pct` and `judged_false_alarmed_pct`, the share of each with an alarm,
        where there are any.
    """
    judged = verdicts[verdicts["verdict"].isin([TRUE, FALSE])]
    steps = judged[["series_id", "event_id", "verdict", "start", "end"]].merge(
        alarms[["series_id", "time", "anomalous"]], on="series_id"
    )
    steps = steps[(steps["time"] >= steps["start"]) & (steps["time"] <= steps["end"])]
    found = steps.groupby(["verdict", "event_id"])["anomalous"].any()
    metrics = {}
    for verdict, share in ((TRUE, "judged_true_found_pct"), (FALSE, "judged_false_alarmed_pct")):
        of_kind = found[found.index.get_level_values("verdict") == verdict]
        metrics[f"judged_{verdict}_events"] = float(len(of_kind))
        if len(of_kind):
            metrics[share] = float(100 * of_kind.mean())
    return metrics


def alarm_precision(events: pd.DataFrame, verdicts: pd.DataFrame) -> float:
    """Return the share of true ones among the events judged true or false, NaN: none is judged."""
    return float(_judged(events, verdicts)["true"].astype(float).mean())


def advise_threshold(events: pd.DataFrame, verdicts: pd.DataFrame) -> Advice | None:
    """Advise on a threshold, from at least 5 events that are judged true or false.

    The severity is the highest, to two decimals, that keeps every true event; where that drops no
    false one, the one with the best F1. A fixed threshold is log1p(k), so that the k in its place
    is expm1(severity x log1p(k)); it is told by one threshold at the peaks of all events.

    Returns:
        The advice; None: there are too few verdicts, no event is false, or no severity does
        better than none.
    """
    judged = _judged(events, verdicts)
    true = judged["true"].to_numpy(dtype=bool)
    if len(judged) < MIN_JUDGED or true.all():
        return None
    severity = judged["severity"].to_numpy()
    if true.any():
        # Strictly below what is kept, since an alarm must be above its threshold.
        cuts = np.unique(np.ceil(severity[true] * 100 - 1e-6) - 1) / 100
    else:
        cuts = np.ceil(severity.max(keepdims=True) * 100) / 100
    kept = severity > cuts[:, None]
    hits, drops = (kept & true).sum(axis=1), (~kept & ~true).sum(axis=1)
    f1 = 2 * hits / np.maximum(hits + true.sum() + (~true).sum() - drops, 1)
    best = 0 if drops[0] else int(f1.argmax())
    if not drops[best]:
        return None
    cut = float(cuts[best])
    return Advice(
        cut,
        int(hits[best]),
        int(true.sum()),
        int(drops[best]),
        int((~true).sum()),
        _fixed_k(events, cut),
    )


def _fixed_k(events: pd.DataFrame, cut: float) -> float | None:
    """Return the k of the fixed threshold `cut` times as high; None: it is not fixed."""
    threshold = (events["peak_score"] / events["severity"]).to_numpy()
    if np.ptp(threshold) > 1e-9 * threshold[0]:
        return None
    # Downwards, so that rounding drops none that the severity keeps.
    return float(np.floor(np.expm1(cut * threshold[0]) * 100) / 100)


def _judged(events: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the events judged true or false, with that in `true`."""
    said = verdicts[verdicts["verdict"].isin([TRUE, FALSE])]
    true = said[["event_id"]].assign(true=said["verdict"].eq(TRUE))
    return events.merge(true, on="event_id")
