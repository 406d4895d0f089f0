"""A night by hand, and a lake that has lived through one."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import pipelines_lib.reports
from pipelines_lib.anomaly.fit import FittedDetector
from pipelines_lib.anomaly.nightly import update_events
from pipelines_lib.config import DatasetConfig
from pipelines_lib.forecasting.fit import FittedForecaster
from pipelines_lib.lake import Lake
from pipelines_lib.reports.summary import (
    EventLine,
    ForecastLine,
    ModelLine,
    NightSummary,
    Realised,
    RuleLine,
)
from pipelines_lib.series.panel import Panel, make_panel
from pipelines_lib.tables import FORECASTS, QUARANTINE, SCORES, observations_table

ORIGIN = 400
"""Step of the night's newest forecast; 19 later steps are observed."""


@pytest.fixture
def night() -> Callable[..., NightSummary]:
    """Return a factory of a night in which everything happened."""

    def make(**fields: object) -> NightSummary:
        model = ModelLine(
            "forecast", "prices-forecaster", "3", "run1", "MAE", "KRW", 812.4, "last value", 900.0,
            9.73, "beats champion and baseline",
        )  # fmt: skip
        forecast = ForecastLine(
            "005930", "2024-02-08", 74_000.0, ["2024-02-13", "2024-02-14"],
            [74_100.0, 75_480.0], [72_000.0, 71_000.0], [76_200.0, 79_000.0],
        )  # fmt: skip
        event = EventLine("000660", "2024-01-02", "2024-01-04", 3, 4.25, "volume_change", True)
        everything = {
            "dataset": "prices",
            "newest": "2024-02-08",
            "unit": "KRW",
            "target": "close",
            "n_series": 8,
            "fetched": 1240,
            "inserted": 1200,
            "updated": 3,
            "unchanged": 37,
            "quarantined_new": 2,
            "total_rows": 123_456,
            "repaired": {"halted": 12},
            "quarantined": {"price_order": 4, "duplicate": 1},
            "models": [model],
            "n_forecast_series": 7,
            "interval_pct": 90.0,
            "forecasts": [forecast],
            "n_events": 11,
            "n_new_events": 1,
            "events": [event],
            "realised": Realised(35, 640.0, 800.0, 88.6, 90.0),
            "rules": [
                RuleLine("open_session", "postpone", 3, "the bar still moves", "005930 2024-02-09"),
                RuleLine("missing_session", "warn", 9, "steps are missing", "000660 2024-01-05"),
                RuleLine("halted", "repair", 12, "trading was halted", "068270 2024-02-08"),
                RuleLine("price_order", "quarantine", 2, "outside low..high", "035420 2024-02-08"),
                RuleLine("stale_repeat", "warn", 1300, "as before", "035720 2024-02-08"),
            ],
            "asked": 6,
            "up_to_date": 942,
            "restated": [
                f"{name}: 120 stored rows from 2023-08-14 to 2024-02-07 changed by a factor of 0.02"
                for name in ("000660", "051910", "105560", "055550")
            ],
            "n_restated": 5,
            "n_stale": 1240,
            "died": {"004410": "not traded since 2023-11-01", "012600": "no new row since 2023"},
            "revived": ["003620"],
            "n_dead": 18,
            "warnings": ["2 of 6 series came without 2024-02-08"],
            "skipped": ["training: the champion is young"],
            "failures": {"035420": "the source has no rows"},
            "left_out": {"068270": "only 3 steps"},
            "report": "/home/reports/prices.html",
            "run_id": "abc123",
            "seconds": {"ingest": 1.24, "forecast": 0.5},
        }
        return NightSummary(**{**everything, **fields})

    return make


@pytest.fixture(scope="session")
def lived_lake(
    tmp_path_factory: pytest.TempPathFactory,
    sine_rows: pd.DataFrame,
    sine_panel: Panel,
    sine_dataset: DatasetConfig,
    fitted_forecaster: FittedForecaster,
    fitted_detector: FittedDetector,
) -> Lake:
    """Return a lake with observations, two nights of forecasts, scores and events. Read only."""
    lake = Lake(str(tmp_path_factory.mktemp("lived") / "lake"))
    name, table = sine_dataset.name, observations_table(sine_dataset.columns)
    repaired = sine_rows.assign(
        repair=sine_rows["repair"].where(sine_rows.index % 100 != 0, "halted")
    )
    lake.merge_rows(name, table, repaired)
    start = sine_rows["time"].min()
    for step in (ORIGIN, 419):
        rows = sine_rows[sine_rows["time"] <= start + pd.Timedelta(hours=step)]
        panel = make_panel(rows, calendar=sine_panel.calendar, columns=("value",))
        made, _ = fitted_forecaster.forecaster.forecast_next(panel)
        stamped = made.assign(model="f", stale=None, data_version=1, run_id="r", model_version="1")
        lake.merge_rows(name, FORECASTS, stamped)
    detector = fitted_detector.detector
    scores, _ = detector.score_panel(sine_panel, since=sine_panel.position[[0] * 4] + 300)
    strange = (scores["time"] == start + pd.Timedelta(hours=390)) & (scores["series_id"] == "B")
    scores.loc[strange, "score"] = 9 * detector.threshold
    stamped = scores.assign(scorer="d", stale=None, data_version=1, run_id="run", model_version="1")
    lake.merge_rows(name, SCORES, stamped)
    update_events(lake, name, detector, sine_panel.calendar, scorer="d")
    refused = pd.DataFrame(
        {
            "series_id": "A",
            "rule": ["duplicate", "not_finite", "not_finite"],
            "row": ["{1}", "{2}", "{3}"],
            "time": start,
            "reason": "why",
            "ingest_id": "i",
        }
    )
    lake.merge_rows(name, QUARANTINE, refused)
    return lake


@pytest.fixture(scope="session")
def reports_folder() -> Path:
    """Return the folder of the reports' code."""
    return Path(pipelines_lib.reports.__file__).parent
