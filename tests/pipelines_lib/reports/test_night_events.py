"""The events of a night: their order, their lines, their words."""

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.reports.event_lines import EventLine
from pipelines_lib.reports.night_events import (
    choose_events,
    describe_events,
    draw_events,
    make_event_lines,
    make_event_pictures,
    read_night_events,
)


@pytest.fixture
def events(lived_lake, sine_dataset):
    return read_night_events(lived_lake, sine_dataset, detector="d", mode="causal", new=["e3"])


def test_read_night_events_gives_those_of_the_detector_the_newest_first(events):
    assert events["event_id"].tolist() == ["e4", "e3", "e2", "e1"]
    assert events["new"].tolist() == [False, True, False, False]


def test_read_night_events_tells_what_people_said(events):
    assert events["verdict"].tolist() == ["", "", "ignore until 2024-03-01", ""]


def test_read_night_events_without_a_detector_or_a_lake_are_none(lived_lake, lake, sine_dataset):
    for place, detector in ((lived_lake, ""), (lake, "d")):
        rows = read_night_events(place, sine_dataset, detector=detector, mode="", new=["e1"])
        assert len(rows) == 0
        assert {"verdict", "new"} <= set(rows.columns)
        assert make_event_lines(rows, sine_dataset) == []
        assert len(choose_events(rows)) == 0


def test_make_event_lines_writes_times_as_text(events, sine_dataset):
    line = make_event_lines(events, sine_dataset)[3]
    assert line == EventLine(
        "e1", "A", "2024-01-16 20:00", "2024-01-17 06:00", 11, 2.5, 0.0004, "value",
        "forecast, shift", "closed", "", "", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("quiet", "verdict", "standing"),
    [("", "", "alert"), ("in cool-down", "", "in cool-down"), ("x", "true", "judged true")],
)
def test_event_line_standing_is_the_verdict_before_the_quiet(quiet, verdict, standing):
    line = EventLine("e", "A", "a", "b", 1, 2.0, np.nan, "", "", "open", quiet, verdict, False)
    assert (line.standing, line.p) == (standing, "")


def test_choose_events_takes_alerts_then_unjudged_then_new_then_newest():
    rows = [
        ("quiet", "cool-down", "", True, 9, 9.0),
        ("judged", "", "false", True, 9, 9.0),
        ("old", "", "", False, 5, 9.0),
        ("weak", "", "", False, 8, 1.5),
        ("strong", "", "", False, 8, 2.5),
        ("new", "", "", True, 1, 1.1),
        ("oldest", "", "", False, 0, 99.0),
        ("over", "", "", False, -1, 99.0),
    ]
    events = pd.DataFrame(
        rows, columns=["event_id", "quiet", "verdict", "new", "end", "severity"]
    ).sample(frac=1, random_state=0)
    chosen = choose_events(events)
    assert chosen["event_id"].tolist() == ["new", "strong", "weak", "old", "oldest", "over"]
    assert choose_events(events[events["event_id"] != "over"])["event_id"].iloc[-1] == "judged"


def test_describe_and_draw_events_tell_those_that_are_explained(events, explain):
    explanations = {"e4": explain(series_id="D"), "e1": explain(series_id="A")}
    words, figures = describe_events(events, explanations), draw_events(explanations)
    assert list(words) == ["e4", "e1"]
    assert words["e4"].startswith("D 2024-01-06 to 2024-01-07 (2 steps): close stood at 106 KRW")
    assert words["e4"].endswith("3.0 times the threshold (p 0.0004); only the forecast; "
                                "still open; e4")  # fmt: skip
    assert words["e1"].endswith("; closed; e1")
    pictures = make_event_pictures(figures, words)
    assert [picture.caption for picture in pictures] == list(words.values())
    assert all(picture.source.startswith("data:image/png") for picture in pictures)
