"""What the events table becomes: after a night, after a verdict, and as it is listed."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines_lib.anomaly.event_table import (
    NightEvents,
    list_events,
    refresh_quiet,
    update_events,
)
from pipelines_lib.anomaly.verdicts import record_verdict
from pipelines_lib.config import DatasetConfig
from pipelines_lib.config.detector import EventConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.tables import EVENTS, SCORES

HOUR = pd.Timestamp("2024-01-01", tz="UTC")
HOURLY = make_calendar(DatasetConfig(name="any", calendar="fixed", step_minutes=60))


def at(hour: int) -> pd.Timestamp:
    return HOUR + pd.Timedelta(hours=hour)


def update(lake, scorer="d", mode="causal", **fields) -> NightEvents:
    return update_events(
        lake,
        "sensors",
        calendar=HOURLY,
        config=EventConfig(**{"max_gap": 1, **fields}),
        scorer=scorer,
        mode=mode,
    )


def write(lake, scores, first=0, series="A", **fields):
    """Store scores of a series from a step on; above 2 they are alarms."""
    score = np.asarray(scores, dtype=float)
    frame = pd.DataFrame(
        {
            "series_id": series,
            "time": pd.Series([at(first + hour) for hour in range(len(score))]),
            "mode": "causal",
            "scorer": "d",
            "score": score,
            "threshold": 2.0,
            "p_value": 1 / (1 + score),
            "anomalous": score > 2,
            "part": "forecast",
            "feature": "value",
            "stale": None,
            "data_version": 1,
            "run_id": "run",
            "model_version": "1",
        }
    )
    lake.merge_rows("sensors", SCORES, frame.assign(**fields))


def stored(lake) -> pd.DataFrame:
    return lake.read_rows("sensors", EVENTS)


def hours(lake) -> list[int]:
    return stored(lake)["start"].dt.hour.tolist()


def say(lake, event_id, verdict, until=None):
    record_verdict(
        lake,
        "sensors",
        event_id,
        verdict=verdict,
        until=until,
        note="",
        at=datetime(2024, 2, 1, tzinfo=UTC),
    )


def test_update_events_tells_what_is_new(lake):
    write(lake, [0, 5, 0, 0])
    (first,) = update(lake).new
    write(lake, [0, 0, 7, 8], first=4)
    night = update(lake)
    assert len(night.new) == 1
    assert (night.extended, night.quiet) == ([], [])
    events = stored(lake)
    assert events["event_id"].tolist() == [first, *night.new]
    assert events["peak_score"].tolist() == [5.0, 8.0]
    assert events["state"].tolist() == ["closed", "open"]
    assert events["parts"].tolist() == ["forecast"] * 2


def test_update_events_lengthens_an_event_without_calling_it_new(lake):
    write(lake, [0, 0, 5])
    (event,) = update(lake).new
    write(lake, [6, 0], first=3)
    assert update(lake) == NightEvents([], [event], [])
    events = stored(lake)
    assert (len(events), events["n_steps"][0], events["peak_score"][0]) == (1, 2, 6.0)


def test_update_events_again_changes_nothing(lake):
    write(lake, [0, 5, 0, 0, 9])
    update(lake)
    version = lake.table_version("sensors", EVENTS)
    assert update(lake) == NightEvents([], [], [])
    assert lake.table_version("sensors", EVENTS) == version


def test_update_events_drops_an_event_whose_scores_have_fallen(lake):
    write(lake, [5, 0, 0, 5])
    update(lake)
    write(lake, [1, 0, 0, 5])
    assert update(lake).new == []
    assert hours(lake) == [3]
    write(lake, [1, 0, 0, 1])
    assert update(lake).new == []
    assert hours(lake) == []


def test_update_events_ignores_stale_scores(lake):
    write(lake, [5, 0, 0, 5])
    update(lake)
    write(lake, [5], first=3, stale="restated")
    assert update(lake).new == []
    assert hours(lake) == [0]
    write(lake, [6], first=3)
    assert len(update(lake).new) == 1


def test_update_events_reads_scores_that_do_not_say_whether_they_are_alarms(lake):
    write(lake, [5, 0, 0, 5], anomalous=None, p_value=None, part=None)
    assert len(update(lake).new) == 2
    assert stored(lake)["p_value"].isna().all()


def test_update_events_of_a_lake_without_scores_finds_none(lake):
    assert update(lake) == NightEvents([], [], [])


def test_update_events_leaves_the_events_of_others(lake):
    write(lake, [5, 0, 0, 5])
    update(lake)
    assert update(lake, scorer="another").new == []
    assert update(lake, mode="retrospective").new == []
    assert hours(lake) == [0, 3]


def test_update_events_tells_which_new_ones_are_quiet(lake):
    write(lake, [5, 0, 0, 5, 0, 0, 0, 5])
    assert len(update(lake, cooldown_steps=3).quiet) == 1
    event = stored(lake)["event_id"][0]
    say(lake, event, "ignore", until=at(12))
    write(lake, [0, 0, 5, 0, 0, 0, 5], first=8)  # at 10 and 14
    night = update(lake, cooldown_steps=3)
    assert len(night.new) == 2
    assert night.quiet == night.new[:1]
    ignored = "ignored until 2024-01-01"
    assert stored(lake)["quiet"].tolist() == [
        ignored,
        f"within the cool-down of {event}; {ignored}",
        ignored,
        f"within the cool-down of {stored(lake)['event_id'][2]}; {ignored}",
        "",
    ]


def test_refresh_quiet_follows_the_newest_verdicts(lake):
    write(lake, [5, 0, 0, 5, 0, 0, 0, 5])
    update(lake, cooldown_steps=3)
    before = stored(lake)
    event = before["event_id"][1]
    assert before["quiet"].ne("").tolist() == [False, True, False]
    say(lake, event, "ignore", until=at(30))
    assert refresh_quiet(lake, "sensors") == 2
    assert stored(lake)["quiet"].str.count("ignored until 2024-01-02").tolist() == [0, 1, 1]
    assert refresh_quiet(lake, "sensors") == 0
    say(lake, event, "true")
    assert refresh_quiet(lake, "sensors") == 2
    pd.testing.assert_frame_equal(stored(lake), before)


def test_list_events_has_the_newest_first_with_what_was_said(lake):
    write(lake, [5, 0, 0, 5, 0, 0, 0, 5])
    write(lake, [0, 0, 0, 5, 0, 0, 0, 0], series="B")
    update(lake)
    say(lake, stored(lake)["event_id"][2], "true")
    listed = list_events(lake, "sensors")
    assert listed["start"].dt.hour.tolist() == [7, 3, 3, 0]
    assert listed["series_id"].tolist() == ["A", "A", "B", "A"]
    assert listed["verdict"].tolist() == ["true", "", "", ""]
    assert len(list_events(lake, "sensors", only_open=True)) == 1
    assert len(list_events(lake, "sensors", series_id="B")) == 1
    assert len(list_events(lake, "sensors", since=at(3))) == 3
    with pytest.raises(SeriesError, match=r"no event of series 'C' \(it has events of A, B\)"):
        list_events(lake, "sensors", series_id="C")


@settings(max_examples=3, deadline=None)
@given(alarms=st.lists(st.booleans(), min_size=8, max_size=8), min_steps=st.integers(1, 2))
def test_update_events_night_by_night_ends_in_the_same_table(tmp_path_factory, alarms, min_steps):
    scores = np.where(alarms, 5.0 + np.arange(8), 0)
    walked, whole = (Lake(str(tmp_path_factory.mktemp("lake"))) for _ in range(2))
    new = []
    for night in range(0, 8, 2):
        write(walked, scores[night : night + 2], first=night)
        new += update(walked, min_steps=min_steps, cooldown_steps=2).new
    write(whole, scores)
    assert sorted(new) == sorted(update(whole, min_steps=min_steps, cooldown_steps=2).new)
    pd.testing.assert_frame_equal(stored(walked), stored(whole))
