"""Which events people are told of: those that reach what a night has brought."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipelines_lib.alerts import ANOMALY, Alert
from pipelines_lib.lake import Lake
from pipelines_lib.tables import EVENTS, SCORES, WATCHED

CAUSAL = "causal"
MOST_NAMES = 3
"""Features and parts that an alert names at most."""


def find_event_alerts(
    lake: Lake, dataset: str, *, scorer: str, mode: str
) -> tuple[list[Alert], pd.DataFrame]:
    """Return an alert for each event that is not quiet and reaches what is new.

    New are the steps after those that `watched` has. A series that was never looked at has only its
    newest step: a detector's first night finds hundreds of events in its history, and nobody need
    be woken for those. A study (retrospective mode) gives no alert.

    Returns:
        The alerts, and the rows of `watched` to merge once they are stored: who dies in between
        finds the same alerts again.
    """
    of_scorer = {"scorer": scorer, "mode": mode}
    if mode != CAUSAL:
        return [], pd.DataFrame()
    newest = pd.to_datetime(lake.last_times(dataset, SCORES, equal=of_scorer), utc=True)
    seen = lake.read_rows(dataset, WATCHED, equal=of_scorer).set_index("series_id")["until"]
    events = lake.read_rows(dataset, EVENTS, equal=of_scorer)
    events = events[events["quiet"].fillna("") == ""]
    until, last = (
        pd.to_datetime(events["series_id"].map(times.to_dict()), utc=True)
        for times in (seen, newest)
    )
    reaches = (events["end"] > until) | (until.isna() & (events["end"] >= last))
    alerts = [_alert(dataset, event) for event in events[reaches].to_dict("records")]
    watched = pd.DataFrame({"series_id": newest.index.to_numpy(), "until": newest.to_numpy()})
    watched["until"] = pd.to_datetime(watched["until"], utc=True).astype("datetime64[us, UTC]")
    return alerts, watched.assign(**of_scorer)


def note_watched(lake: Lake, dataset: str, watched: pd.DataFrame) -> None:
    """Note up to where events were looked at, as `find_event_alerts` gave it."""
    if len(watched):
        lake.merge_rows(dataset, WATCHED, watched)


def _alert(dataset: str, event: Mapping[Hashable, Any]) -> Alert:
    name, begin, severity = event["event_id"], _moment(event["start"]), event["severity"]
    alarms = f"{event['n_steps']} alarm{'' if event['n_steps'] == 1 else 's'}"
    led = [_first(event[column]) for column in ("features", "parts")]
    told = [
        f"{alarms} up to {_moment(event['end'])}, the peak on {_moment(event['peak'])} is "
        f"{severity:.3g} times the threshold.",
        f"It shows in {led[0]}{f' (by {led[1]})' if led[1] else ''}." if led[0] else "",
        f"Look: tidewatch events {dataset} --series {event['series_id']}. "
        f"Judge it: tidewatch label {dataset} {name} true|false",
    ]
    return Alert(
        ANOMALY,
        name,
        f"{dataset}: anomaly in {event['series_id']} since {begin}",
        "\n".join(line for line in told if line),
        weight=float(severity),
        details={"series_id": event["series_id"], "mlflow_run_id": event["run_id"]},
    )


def _first(names: str | None) -> str:
    return ", ".join(_split(names)[:MOST_NAMES])


def _split(names: str | None) -> Sequence[str]:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) and names else []


def _moment(time: pd.Timestamp) -> str:
    """Return a time without the hours where it is a date, as a session's is."""
    return f"{time:%Y-%m-%d}" if time == time.normalize() else f"{time:%Y-%m-%d %H:%M} UTC"
