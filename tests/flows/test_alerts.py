"""Alerts from night to night: an event keeps its id, a person's verdict counts."""

import re
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest

from deployments.cli import main
from flows.nightly import nightly
from pipelines_lib.alerts import PROMOTED, Alert
from pipelines_lib.anomaly.verdicts import read_verdicts
from pipelines_lib.config import (
    DatasetConfig,
    DetectorConfig,
    EventConfig,
    SourceConfig,
    SplitConfig,
    TrainingConfig,
)
from pipelines_lib.errors import SourceError
from pipelines_lib.lake import Lake
from pipelines_lib.tables import ALERTS, EVENTS
from tasks.alerts import note_alerts
from tasks.job import job
from tests.sensors import START, write_hours

DETECTOR = DetectorConfig(
    lookback=24,
    hidden=8,
    events=EventConfig(max_gap=6),
    split=SplitConfig(validation_steps=30, calibration_steps=60, test_steps=40),
    training=TrainingConfig(max_epochs=1, windows_per_epoch=2000, batch_size=64),
)


@pytest.fixture
def run_night(home, tmp_path):
    """Return a function that runs the night after `n` hours: what it said, and all events."""
    folder = tmp_path / "hours"
    dataset = DatasetConfig(
        name="sensors",
        source=SourceConfig(kind="files", path=str(folder)),
        kind="values",
        value_columns=["value"],
        target="value",
        unit="degC",
        calendar="fixed",
        step_minutes=60,
    )

    def run(n):
        write_hours(folder, n)
        night = nightly(dataset, detector=DETECTOR, forecast=False)
        events = Lake(str(home / "lake")).read_rows("sensors", EVENTS)
        for name in ("start", "end"):
            events[name] = (events[name] - START) // pd.Timedelta("1h")
        return night, events.sort_values("start", ignore_index=True)

    return run


def alerted(home):
    """Return what was told of the sensors, as kind and subject; all of it has been told."""
    rows = Lake(str(home / "lake")).read_rows("sensors", ALERTS)
    assert set(rows["told_how"]) == {"prefect"}
    return list(zip(rows["kind"], rows["subject"], strict=True))


@pytest.fixture
def tidewatch(monkeypatch, capsys):
    """Run a command; return the exit code, what it said, and its errors."""

    def run(*arguments):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["tidewatch", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_an_event_grows_from_night_to_night_and_hears_what_people_say(home, run_night, tidewatch):
    night, first = run_night(400)
    assert first[["series_id", "start", "end"]].to_numpy().tolist() == [["room", 388, 399]]
    assert (night.n_new_events, night.n_alerts) == (1, 1)
    event = first["event_id"].item()

    promoted = ("model.promoted", "sensors-detector v1")
    assert alerted(home) == [("anomaly.opened", event), promoted]

    night, second = run_night(406)
    assert second["event_id"].tolist() == [event]
    assert second["start"].item() == 388
    assert second["end"].item() > 399
    assert second["n_steps"].item() > first["n_steps"].item()
    assert second["state"].item() == "open"
    assert (night.n_new_events, night.n_alerts) == (0, 0)
    assert alerted(home) == [("anomaly.opened", event), promoted]

    code, said, _ = tidewatch("events", "sensors")
    assert code == 0
    assert re.search(rf"^{event} +room +2024-01-17 04:00 ", said, flags=re.MULTILINE)
    code, said, _ = tidewatch("label", "sensors", event, "false")
    assert (code, said) == (0, f"event {event} (room, 2024-01-17 04:00) is a false alarm\n")
    verdicts = read_verdicts(Lake(str(home / "lake")), "sensors")
    assert verdicts[["event_id", "verdict"]].to_numpy().tolist() == [[event, "false"]]
    code, _, errors = tidewatch("label", "sensors", "e0000000000", "false")
    assert code == 1
    assert len(errors.strip().splitlines()) == 1
    assert errors.startswith("tidewatch: ")
    assert "e0000000000" in errors

    code, said, _ = tidewatch("label", "sensors", event, "ignore", "--until", "2024-02-29")
    assert code == 0
    night, third = run_night(520)
    old, new = third[third["event_id"] == event], third[third["event_id"] != event]
    assert old["start"].tolist() == [388]
    of_room = new["series_id"] == "room"
    assert set(new.loc[of_room, "quiet"]) == {"ignored until 2024-02-29"}
    assert new.loc[~of_room, "quiet"].tolist() == [""]
    assert new.loc[~of_room, "start"].tolist() == [500]
    assert (night.n_new_events, night.n_alerts) == (len(new), 1)
    told = {("anomaly.opened", name) for name in (event, *new.loc[~of_room, "event_id"])}
    assert set(alerted(home)) == told | {promoted}


def test_a_job_that_fails_tells_what_its_steps_have_noted(home):
    lake = Lake(str(home / "lake"))

    @job("failing", "failing {dataset}")
    def failing(dataset: str) -> None:
        noted = Alert(PROMOTED, "sensors-detector v1", "a title", "a text")
        note_alerts(lake, dataset, [noted], at=datetime.now(UTC))
        raise SourceError("the disk is full")

    with pytest.raises(SourceError, match="the disk is full"):
        failing("sensors")
    assert alerted(home) == [(PROMOTED, "sensors-detector v1")]
