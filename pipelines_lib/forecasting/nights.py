"""What each night set out to forecast, kept beside the forecasts so that they can be held to it."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.ingestion.states import DEAD, read_states
from pipelines_lib.lake import Lake
from pipelines_lib.tables import NIGHTS, observations_table

SCHEDULE, PERSON = "schedule", "person"
IN_JSON = ("expected", "left_out")


@dataclass(frozen=True)
class Night:
    """One night's forecasts, as they were meant."""

    time: datetime
    """Newest step of the dataset, UTC: the series that have it are forecast from it."""
    model: str
    model_version: str
    horizon: int
    """Steps ahead."""
    at: datetime
    expected: tuple[str, ...] = ()
    """Series that must be forecast, sorted."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Series with the newest step that have no forecast, with the reason."""
    started_by: str = PERSON
    """SCHEDULE or PERSON."""
    flow_run_id: str = ""


def expect_series(
    lake: Lake,
    dataset: DatasetConfig,
    night: Night,
    *,
    left_out: Mapping[str, str],
    data_version: int,
) -> Night:
    """Return a night with the series that it owes forecasts of.

    They are read from the lake as the forecaster found it, and not asked of the forecaster: those
    of the declaration that live and have the newest step, less those it left out with a reason.
    What comes later, such as a row of that step or a series that lives again, owes nothing.

    Raises:
        LakeError: A table cannot be read.
    """
    rows = lake.read_rows(
        dataset.name,
        observations_table(dataset.columns),
        columns=["series_id"],
        series_ids=None if dataset.source.market else dataset.series_ids or None,
        start=night.time,
        end=night.time,
        version=data_version,
    )
    dead = {name for name, s in read_states(lake, dataset.name).items() if s.state == DEAD}
    awaited = set(rows["series_id"]) - dead
    return replace(
        night,
        expected=tuple(sorted(awaited - set(left_out))),
        left_out={name: left_out[name] for name in sorted(awaited & set(left_out))},
    )


def note_night(lake: Lake, dataset: str, night: Night) -> None:
    """Keep a night; the same one again changes nothing, whoever ran it."""
    told = {name: json.dumps(getattr(night, name), ensure_ascii=False) for name in IN_JSON}
    row = pd.DataFrame([vars(night) | told])
    for name in ("time", "at"):
        row[name] = pd.to_datetime(row[name], utc=True).astype("datetime64[us, UTC]")
    lake.merge_rows(dataset, NIGHTS, row)


def read_nights(lake: Lake, dataset: str) -> list[Night]:
    """Return the nights of a dataset, the oldest first; there are none before the first forecast.

    Raises:
        LakeError: The table cannot be read.
    """
    rows: list[dict[Hashable, Any]] = lake.read_rows(dataset, NIGHTS).to_dict("records")
    return [
        Night(
            time=row["time"].to_pydatetime(),
            model=row["model"],
            model_version=row["model_version"],
            horizon=row["horizon"],
            at=row["at"].to_pydatetime(),
            expected=tuple(json.loads(row["expected"])),
            left_out=json.loads(row["left_out"]),
            started_by=row["started_by"],
            flow_run_id=row["flow_run_id"],
        )
        for row in rows
    ]
