"""The events of a night, gathered from the lake: their order, their lines, their pictures."""

from collections.abc import Collection, Mapping

import pandas as pd
from matplotlib.figure import Figure

from pipelines_lib.anomaly.explanation import Explanation, describe_event
from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.reports.event_lines import EventLine
from pipelines_lib.reports.event_pictures import draw_event
from pipelines_lib.reports.figures import as_data_uri
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.text import step_text
from pipelines_lib.tables import EVENTS, VERDICTS

LINES = 30
"""Forecasts and events that a summary lists at most; the lake has them all."""
EXPLAINED = 6
"""Events that are told by a picture and a line of words."""


def read_night_events(
    lake: Lake, dataset: DatasetConfig, *, detector: str, mode: str, new: Collection[str]
) -> pd.DataFrame:
    """Return a detector's events with what people said of them, the newest first.

    Args:
        lake: Where the tables lie.
        dataset: The declaration.
        detector: Registered name of the detector; empty: none, and no events.
        mode: The detector's mode, retrospective or causal.
        new: Ids of the events that were not there before tonight.

    Returns:
        The rows of `events`, and of each its `verdict` (empty: none) and whether it is `new`.
    """
    rows = lake.read_rows(dataset.name, EVENTS, equal={"scorer": detector, "mode": mode})
    said = lake.read_rows(dataset.name, VERDICTS).set_index("event_id")
    until = pd.to_datetime(said["until"], utc=True).dt.strftime(" until %Y-%m-%d").fillna("")
    verdict = (said["verdict"] + until.where(said["verdict"] == "ignore", "")).to_dict()
    texts = {name: rows[name].fillna("") for name in ("quiet", "parts", "features", "state")}
    rows = rows.assign(
        **texts,
        verdict=[verdict.get(name, "") for name in rows["event_id"]],
        new=rows["event_id"].isin(list(new)).to_numpy(dtype=bool),
    )
    return rows.sort_values(["end", "severity"], ascending=False, ignore_index=True)


def choose_events(events: pd.DataFrame) -> pd.DataFrame:
    """Return the few events that are worth a picture: alerts first, then the new, then the newest.

    What a person has judged comes last: it needs no second look.
    """
    order = events.assign(alert=events["quiet"] == "", unjudged=events["verdict"] == "")
    by = ["alert", "unjudged", "new", "end", "severity"]
    rows = order.sort_values(by, ascending=False, kind="stable").index[:EXPLAINED]
    return events.loc[rows].reset_index(drop=True)


def describe_events(
    events: pd.DataFrame, explanations: Mapping[str, Explanation]
) -> dict[str, str]:
    """Return a line of words on each event that has an explanation, by its id."""
    return {
        event["event_id"]: describe_event(
            explanations[event["event_id"]],
            event_id=event["event_id"],
            severity=event["severity"],
            p_value=event["p_value"],
            state=event["state"],
        )
        for event in events.to_dict("records")
        if event["event_id"] in explanations
    }


def draw_events(explanations: Mapping[str, Explanation]) -> dict[str, Figure]:
    """Draw each explained event, by its id."""
    return {name: draw_event(explanation) for name, explanation in explanations.items()}


def make_event_pictures(figures: Mapping[str, Figure], words: Mapping[str, str]) -> list[Picture]:
    """Return the pictures of events for the page, the line of words below each."""
    return [Picture(as_data_uri(figures[name]), text) for name, text in words.items()]


def make_event_lines(events: pd.DataFrame, dataset: DatasetConfig) -> list[EventLine]:
    """Return the first events as lines."""
    return [
        EventLine(
            event["event_id"],
            event["series_id"],
            step_text(event["start"], dataset),
            step_text(event["end"], dataset),
            int(event["n_steps"]),
            float(event["severity"]),
            float(event["p_value"]),
            event["features"],
            event["parts"],
            event["state"],
            event["quiet"],
            event["verdict"],
            bool(event["new"]),
        )
        for event in events.head(LINES).to_dict("records")
    ]
