"""A scheduled job of made-up sensors, and the nights that it leaves in a lake."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import yaml

from pipelines_lib.config import DatasetConfig
from pipelines_lib.forecasting.nights import SCHEDULE, Night, note_night
from pipelines_lib.lake import Lake, declare_dataset
from pipelines_lib.tables import FORECASTS, observations_table

JOB = "sensors-nightly"
DATASET = DatasetConfig(
    name="sensors",
    kind="values",
    value_columns=["value"],
    target="value",
    unit="degC",
    calendar="fixed",
)
NAMES, HORIZON = ("A", "B", "C"), 3
OBSERVATIONS = observations_table(DATASET.columns)


def store_job(home: Path, **entry: object) -> None:
    """Store the job in a home folder: due each day at 18:00 UTC."""
    folder = home / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {"dataset": DATASET.model_dump(mode="json", exclude_defaults=True)}
    stored = {
        "name": JOB,
        "entrypoint": "flows/nightly.py:nightly",
        "parameters": parameters,
        "schedules": [{"cron": "0 18 * * *", "timezone": "UTC"}],
        **entry,
    }
    (folder / f"{stored['name']}.yaml").write_text(yaml.safe_dump(stored), encoding="utf-8")


def due_on(day: datetime) -> datetime:
    """Return when the job is due on a day."""
    return day.replace(hour=18, minute=0, second=0, microsecond=0)


def leave_night(
    lake: Lake, day: datetime, *, started_by: str = SCHEDULE, lost: tuple[str, ...] = ()
) -> Night:
    """Leave what a night leaves that brought the step of its day; of `lost` no forecast stands."""
    declare_dataset(lake, DATASET)
    time = day.replace(hour=0, minute=0, second=0, microsecond=0)
    stamp = pd.Timestamp(time).as_unit("us")
    rows = pd.DataFrame({"series_id": NAMES, "time": stamp, "value": 1.0})
    lake.merge_rows("sensors", OBSERVATIONS, rows.assign(repair=None, ingest_id="i"))
    made_at = due_on(day) + timedelta(minutes=5)
    night = Night(time, "sensors-forecaster", "1", HORIZON, made_at, NAMES, started_by=started_by)
    note_night(lake, "sensors", night)
    keys = [(n, s) for n in NAMES if n not in lost for s in range(1, HORIZON + 1)]
    made = pd.DataFrame(keys, columns=["series_id", "step"]).assign(origin=stamp, model=night.model)
    made["time"] = made["origin"] + pd.to_timedelta(made["step"], unit="D")
    made = made.assign(value=1.0, lower=0.5, upper=1.5, interval=0.9, last_value=1.0, stale=None)
    made = made.assign(data_version=0, run_id="r", model_version="1")
    lake.merge_rows("sensors", FORECASTS, made)
    return night


def day_of(text: str) -> datetime:
    """Return midnight of a day, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
