"""A lake of schema version 2, whose scores and events have no column of the alerts, goes on."""

import re
import sys

import pandas as pd
import pytest
from deltalake import write_deltalake

from deployments.cli import main
from pipelines_lib.anomaly.event_table import update_events
from pipelines_lib.config import EventConfig
from pipelines_lib.lake import Lake, declare_dataset
from pipelines_lib.lake.arrow import to_arrow
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.tables import EVENTS, SCHEMA_VERSION, SCORES

HOURS = pd.Series(pd.date_range("2024-01-02", periods=8, freq="h", tz="UTC", unit="us"))
MADE_BY = {"mode": "causal", "scorer": "sensors-detector", "run_id": "r", "model_version": "1"}


def write_old(lake, table, rows):
    """Write a table as schema version 2 did."""
    later = [column.name for column in table.columns if column.added_in > 2]
    assert later
    write_deltalake(
        f"{lake.uri}/sensors/{table.name}",
        to_arrow(rows, table).drop_columns(later),
        partition_by=["year"] if table.by_year else None,
        description=f"{table.meaning}; tidewatch-schema=2",
    )


def score_rows(first, scores):
    frame = pd.DataFrame({"series_id": "room", "time": HOURS[first : first + len(scores)]})
    return frame.assign(
        score=scores, threshold=2.0, feature="value", stale=None, data_version=1, **MADE_BY
    )


@pytest.fixture
def old(tmp_path, monkeypatch, values_dataset):
    """Return the lake of a home with six old scores, two of them alarms, and their event."""
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    lake = Lake(str(tmp_path / "lake"))
    declare_dataset(lake, values_dataset())
    write_old(lake, SCORES, score_rows(0, [0.5, 3.0, 4.0, 2.0, 0.5, 0.5]))
    event = {"series_id": "room", "start": HOURS[1], "end": HOURS[2], "peak": HOURS[2]}
    event |= {"peak_score": 4.0, "severity": 2.0, "n_steps": 2, "features": "value", **MADE_BY}
    write_old(lake, EVENTS, pd.DataFrame([event]))
    return lake


def update(lake, dataset):
    return update_events(
        lake,
        "sensors",
        calendar=make_calendar(dataset),
        config=EventConfig(max_gap=1),
        scorer="sensors-detector",
        mode="causal",
    )


def test_update_events_reads_old_scores_and_names_the_old_event(old, values_dataset):
    assert old.read_rows("sensors", SCORES)["score"].tolist() == [0.5, 3.0, 4.0, 2.0, 0.5, 0.5]
    found = update(old, values_dataset())
    assert (found.new, found.extended, found.quiet) == ([], [], [])
    events = old.read_rows("sensors", EVENTS)
    assert events[["n_steps", "severity", "state", "quiet"]].to_numpy().tolist() == [
        [2, 2.0, "closed", ""]
    ]
    assert events["event_id"].str.fullmatch("e[0-9a-f]{10}").all()
    assert events[["start", "end"]].to_numpy().tolist() == [[HOURS[1], HOURS[2]]]


def test_a_night_after_old_ones_adds_its_scores_and_events(old, values_dataset):
    new = score_rows(6, [1.0, 5.0]).assign(p_value=0.1, anomalous=[False, True], part="shift")
    assert old.merge_rows("sensors", SCORES, new).inserted == 2
    found = update(old, values_dataset())
    events = old.read_rows("sensors", EVENTS).sort_values("start")
    assert events["n_steps"].tolist() == [2, 1]
    assert events["parts"].fillna("").tolist() == ["", "shift"]
    assert found.new == events["event_id"].tolist()[1:]
    assert events["state"].tolist() == ["closed", "open"]
    assert update(old, values_dataset()).new == []
    assert SCHEMA_VERSION > 2


def test_events_and_label_work_on_an_old_lake(old, values_dataset, monkeypatch, capsys):
    def tidewatch(*arguments):
        monkeypatch.setattr(sys, "argv", ["tidewatch", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    code, said = tidewatch("events", "sensors")  # before any night has named the event
    assert code == 0, said
    event = re.search(r"^e[0-9a-f]{10}(?= +room +2024-01-02 01:00)", said, flags=re.MULTILINE)
    assert event, said
    code, said = tidewatch("label", "sensors", event.group(), "true")
    assert (code, said) == (
        0,
        f"event {event.group()} (room, 2024-01-02 01:00) is a true anomaly\n",
    )
    update(old, values_dataset())
    code, said = tidewatch("events", "sensors")
    assert event.group() in said
    assert "1 judged: 1 true, 0 false" in said
