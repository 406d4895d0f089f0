"""Flows that follow new rows, and the word that starts them."""

import pytest

from flows.detect import detect
from flows.forecast import forecast
from flows.ingest import ingest
from flows.nightly import nightly
from flows.train_detector import train_detector
from pipelines_lib.config import DatasetConfig, DetectorConfig, SourceConfig
from pipelines_lib.errors import BundleError
from pipelines_lib.lake import Lake
from pipelines_lib.tables import ALERTS, EVENTS, SCORES
from tests.sensors import write_hours


def sensors(folder, name="hours"):
    return DatasetConfig(
        name=name,
        source=SourceConfig(kind="files", path=str(folder)),
        kind="values",
        value_columns=["value"],
        target="value",
        calendar="fixed",
        step_minutes=60,
    )


def announced(home, name="hours"):
    rows = Lake(str(home / "lake")).read_rows(name, ALERTS, equal={"kind": "ingest.committed"})
    return rows["title"].tolist()


def test_ingest_announces_each_version_of_the_rows_once(home, tmp_path):
    folder = tmp_path / "hours"
    write_hours(folder, 100)
    ingest(sensors(folder))
    first = ["hours: 200 new rows, 0 changed"]
    assert announced(home) == first
    ingest(sensors(folder))
    assert announced(home) == first
    write_hours(folder, 103)
    ingest(sensors(folder))
    assert announced(home) == [*first, "hours: 6 new rows, 0 changed"]


def test_a_night_announces_nothing_since_it_forecasts_by_itself(home, tmp_path):
    folder = tmp_path / "hours"
    write_hours(folder, 100)
    nightly(sensors(folder), forecast=False, detect=False)
    assert announced(home) == []


def test_forecast_and_detect_without_a_champion_say_so_in_a_sentence(home):
    with pytest.raises(BundleError, match=r"nothing-forecaster has no champion: run train_foreca"):
        forecast("nothing")
    with pytest.raises(BundleError, match=r"nothing-detector has no champion: run train_detector"):
        detect("nothing")


def test_detect_scores_what_is_new_and_alerts_only_of_it(home, tmp_path):
    folder, lake = tmp_path / "hours", Lake(str(home / "lake"))
    write_hours(folder, 450)  # an anomaly from 388 to 413 is history by then
    ingest(sensors(folder))
    split = {"validation_steps": 30, "calibration_steps": 60, "test_steps": 40}
    training = {"max_epochs": 1, "windows_per_epoch": 2000, "batch_size": 64}
    train_detector("hours", DetectorConfig(lookback=24, hidden=8, split=split, training=training))
    first = detect("hours")
    assert first.scored > 0
    assert len(lake.read_rows("hours", EVENTS)) > 0
    again = detect("hours")
    assert "are there already" in again.skipped
    assert lake.read_rows("hours", ALERTS, equal={"kind": "anomaly.opened"}).empty

    write_hours(folder, 520)  # both change their level at 500
    ingest(sensors(folder))
    scored = len(lake.read_rows("hours", SCORES))
    assert detect("hours").scored == len(lake.read_rows("hours", SCORES)) - scored == 140
    told = lake.read_rows("hours", ALERTS, equal={"kind": "anomaly.opened"})
    assert set(told["subject"]) <= set(lake.read_rows("hours", EVENTS)["event_id"])
    assert {"hall", "room"} == {title.split()[3] for title in told["title"]}
