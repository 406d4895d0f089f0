"""The live jobs as they are declared: a market by its listing, indices, FX and US shares."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from deployments.jobs import find_job, resolve_parameters
from flows.ingest import ingest
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import last_final_position, make_calendar
from pipelines_lib.tables import LISTINGS, observations_table
from tests.mirror import krx_cache, krx_market, naver_for, yahoo

N = 10


def declared(job, **changes):
    """Return a job's dataset, from a month ago on so that few years are asked for."""
    return resolve_parameters(find_job(job), [f"{k}={v}" for k, v in changes.items()])["dataset"]


def newest_days(dataset):
    calendar = make_calendar(dataset)
    final = last_final_position(dataset, calendar, datetime.now(UTC))
    return [pd.Timestamp(t) for t in calendar.times(np.arange(final - N + 1, final + 1))]


def stored(home, dataset):
    lake = Lake(str(home / "lake"))
    return lake.read_rows(dataset.name, observations_table(dataset.columns))


def test_krx_market_expands_its_listing(mirror, home):
    dataset = declared("krx-market")
    days = newest_days(dataset)
    prices = [f"{day:%Y%m%d}|100|110|90|{100 + i}|{1000 + i}" for i, day in enumerate(days)]
    codes = {"005930": "STK", "000660": "STK", "035720": "KSQ"}
    mirror.answers |= krx_market("2026-11-20", **codes) | {"sise.nhn": naver_for(*prices)}

    state = ingest(dataset, return_state=True)

    assert state.name == "Completed"
    rows = stored(home, dataset)
    assert rows["series_id"].unique().tolist() == ["000660", "005930"]  # of KOSPI, not KOSDAQ
    assert len(rows) == 2 * N

    mirror.answers = {"sise.nhn": naver_for(*prices)}
    Lake(str(home / "lake")).merge_rows(dataset.name, LISTINGS, aged(home, dataset))
    state = ingest(dataset, whole=True, return_state=True)
    assert state.name == "Completed"
    (warning,) = state.result().report.warnings
    assert "the listing of KOSPI could not be had" in warning
    assert "with 2 series was used" in warning


def aged(home, dataset):
    """Return the kept listing as if it were two days old."""
    kept = Lake(str(home / "lake")).read_rows(dataset.name, LISTINGS)
    return kept.assign(listed_at=kept["listed_at"] - pd.Timedelta("2D"))


def test_us_live_stores_sessions_of_new_york(mirror, home):
    dataset = declared("us-live", series_ids="AAPL")
    days = newest_days(dataset)
    stamps = [f"{day:%Y-%m-%d} 14:30" for day in days]
    closes = [200.0 + number for number in range(N)]
    values = {"open": closes, "high": closes, "low": closes, "close": closes}
    mirror.answers["/AAPL"] = yahoo(stamps, "America/New_York", symbol="AAPL", **values)
    assert ingest(dataset, return_state=True).name == "Completed"
    rows = stored(home, dataset)
    assert rows["time"].dt.tz_localize(None).tolist() == days
    assert rows["close"].tolist() == closes


def test_fx_live_stores_rates_from_monday_to_friday(mirror, home):
    dataset = declared("fx-live", series_ids="USD/KRW")
    days = newest_days(dataset)
    assert {day.day_of_week for day in days} == {0, 1, 2, 3, 4}
    stamps = [f"{day:%Y-%m-%d} 00:00" for day in days]
    closes = [1380.0 + number for number in range(N)]
    values = {name: closes for name in ("open", "high", "low", "close")}
    mirror.answers["/KRW=X"] = yahoo(
        stamps, "Europe/London", symbol="KRW=X", volume=[0.0] * N, **values
    )
    state = ingest(dataset, return_state=True)
    assert state.name == "Completed"
    assert stored(home, dataset)["close"].tolist() == closes
    assert state.result().report.rules == {}


@pytest.mark.parametrize("code", ["KS11", "KQ11"])
def test_krx_index_live_stores_levels(mirror, home, code):
    dataset = declared("krx-index-live", series_ids=code, start="2026-11-01")
    days = [day for day in newest_days(dataset) if day.year == newest_days(dataset)[-1].year]
    dataset = dataset.model_copy(update={"start": days[0].date()})
    year = f"year_{code.lower()}/{days[-1].year}.csv"
    mirror.answers[year] = krx_cache(*[f"{day:%Y-%m-%d}" for day in days])
    assert ingest(dataset, return_state=True).name == "Completed"
    assert stored(home, dataset)["close"].tolist() == [2.0] * len(days)
