"""A night by hand, and a lake that has lived through one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pipelines_lib.reports
from pipelines_lib.anomaly.explanation import Explanation
from pipelines_lib.config import DatasetConfig
from pipelines_lib.forecasting.fit import FittedForecaster
from pipelines_lib.lake import Lake
from pipelines_lib.reports.event_lines import EventLine
from pipelines_lib.reports.model_lines import ModelLine
from pipelines_lib.reports.summary import ForecastLine, NightSummary, Realised, RuleLine
from pipelines_lib.series.panel import Panel, make_panel
from pipelines_lib.tables import EVENTS, FORECASTS, QUARANTINE, VERDICTS, observations_table

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
        event = EventLine(
            "e1a2b3c4d5", "000660", "2024-01-02", "2024-01-04", 3, 4.25, 0.0004, "volume_change",
            "forecast, shift", "open", "", "", True,
        )  # fmt: skip
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
            "n_alerts": 1,
            "words": {"e1a2b3c4d5": "000660 2024-01-02: close fell; still open; e1a2b3c4d5"},
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
) -> Lake:
    """Return a lake with observations, two nights of forecasts, events, a verdict. Read only."""
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
    lake.merge_rows(name, EVENTS, made_events(start))
    said = {"event_id": "e2", "series_id": "B", "verdict": "ignore", "note": "known"}
    until = start + pd.Timedelta(days=60)
    verdict = pd.DataFrame([said]).assign(start=start, end=start, until=until, at=start)
    lake.merge_rows(name, VERDICTS, verdict)
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


def made_events(start: pd.Timestamp) -> pd.DataFrame:
    """Return four events of the detector `d` by hand, and one of another detector."""
    rows = [
        ("e1", "A", 380, 390, 2.5, "", "closed", "d"),
        ("e2", "B", 400, 410, 9.0, "ignored until 2024-03-01", "closed", "d"),
        ("e3", "C", 419, 419, 1.2, "", "open", "d"),
        ("e4", "D", 419, 419, 3.0, "", "open", "d"),
        ("e5", "A", 100, 101, 5.0, "", "closed", "other"),
    ]
    columns = ["event_id", "series_id", "start", "end", "severity", "quiet", "state", "scorer"]
    events = pd.DataFrame(rows, columns=columns)
    events["n_steps"] = events["end"] - events["start"] + 1
    for column in ("start", "end"):
        events[column] = start + pd.to_timedelta(events[column], unit="h")
    return events.assign(
        mode="causal",
        peak=events["start"],
        peak_score=events["severity"] * 1.4,
        p_value=0.0004,
        features="value",
        parts="forecast, shift",
        run_id="r",
        model_version="1",
    )


@pytest.fixture
def explain() -> Callable[..., Explanation]:
    """Return a factory of explanations: ten days of which the sixth and seventh are an event."""

    def make(**fields: object) -> Explanation:
        steps = np.arange(10.0)
        time = np.datetime64("2024-01-01", "us") + np.arange(10) * np.timedelta64(1, "D")
        everything = {
            "series_id": "005930",
            "column": "close",
            "unit": "KRW",
            "time": time,
            "value": 100 + steps,
            "forecast": 101 + steps,
            "lower": 91 + steps,
            "upper": 111 + steps,
            "reconstruction": 99 + steps,
            "score": np.where((steps == 5) | (steps == 6), 3.0 + steps / 10, 0.2),
            "threshold": np.full(10, 1.5),
            "start": time[5],
            "end": time[6],
            "peak": time[6],
            "parts": {"forecast": 100.0},
            "features": {"close": 100.0},
        }
        return Explanation(**{**everything, **fields})

    return make


@pytest.fixture(scope="session")
def reports_folder() -> Path:
    """Return the folder of the reports' code."""
    return Path(pipelines_lib.reports.__file__).parent
