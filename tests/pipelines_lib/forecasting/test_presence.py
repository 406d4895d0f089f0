"""Forecasts read back: every way in which they may not stand, in a real table."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines_lib.forecasting.nights import Night
from pipelines_lib.forecasting.presence import find_absent_forecasts
from pipelines_lib.lake import Lake
from pipelines_lib.tables import FORECASTS

ORIGIN = datetime(2024, 1, 5, tzinfo=UTC)
NAMES, HORIZON = ("A", "B", "C"), 3
NIGHT = Night(ORIGIN, "m", "1", HORIZON, ORIGIN, NAMES)


def forecasts(origin=ORIGIN, model="m"):
    keys = [(name, step) for name in NAMES for step in range(1, HORIZON + 1)]
    rows = pd.DataFrame(keys, columns=["series_id", "step"])
    rows["origin"] = pd.Timestamp(origin).as_unit("us")
    rows["time"] = rows["origin"] + pd.to_timedelta(rows["step"], unit="D")
    rows = rows.assign(model=model, value=10.0, lower=9.0, upper=11.0, interval=0.9)
    return rows.assign(last_value=10.0, stale=None, data_version=1, run_id="r", model_version="1")


def broken(rows, name, step, **values):
    rows = rows.copy()
    for column, value in values.items():
        rows.loc[(rows["series_id"] == name) & (rows["step"] == step), column] = value
    return rows


def without(rows, *keys):
    gone = [key in keys for key in zip(rows["series_id"], rows["step"], strict=True)]
    return rows[~np.array(gone)]


def found(lake, rows, night=NIGHT):
    for earlier in (1, 2):  # of other origins, whole: no part of the answer
        lake.merge_rows("d", FORECASTS, forecasts(ORIGIN - timedelta(days=earlier)))
    if len(rows):
        lake.merge_rows("d", FORECASTS, rows)
    return find_absent_forecasts(lake, "d", origin=ORIGIN, night=night)


def test_forecasts_that_stand_have_no_fault(lake):
    assert found(lake, forecasts()) == []


@pytest.mark.parametrize("night", [NIGHT, None])
def test_no_forecast_from_the_origin_is_told(lake, night):
    assert found(lake, forecasts()[:0], night) == ["no forecast from 2024-01-05 stands in the lake"]


def test_a_night_that_left_all_out_owes_nothing(lake):
    assert found(lake, forecasts()[:0], Night(ORIGIN, "m", "1", HORIZON, ORIGIN)) == []


def test_forecasts_of_another_model_do_not_count(lake):
    assert found(lake, forecasts(model="other"))[0].startswith("no forecast from 2024-01-05")


def test_a_missing_series_is_named(lake):
    rows = forecasts()
    assert found(lake, rows[rows["series_id"] != "B"]) == [
        "1 of 3 series have no forecast from 2024-01-05: B"
    ]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_missing_step_is_told(lake, step):
    assert found(lake, without(forecasts(), ("C", step))) == [
        "1 series lack steps of the horizon, from 2024-01-05: C (2 of 3)"
    ]


def test_a_horizon_that_was_never_made_is_told(lake):
    longer = Night(ORIGIN, "m", "1", HORIZON + 1, ORIGIN, NAMES)
    assert found(lake, forecasts(), longer) == [
        "3 series lack steps of the horizon, from 2024-01-05: A (3 of 4), B (3 of 4), C (3 of 4)"
    ]


@pytest.mark.parametrize("column", ["value", "lower", "upper"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_told(lake, column, value):
    assert found(lake, broken(forecasts(), "A", 2, **{column: value})) == [
        "1 series have forecasts that are no finite numbers, from 2024-01-05: A"
    ]


@pytest.mark.parametrize("ends", [{"lower": 10.1}, {"upper": 9.9}, {"lower": 11.0, "upper": 9.0}])
def test_an_interval_out_of_order_is_told(lake, ends):
    assert found(lake, broken(forecasts(), "B", 3, **ends)) == [
        "1 series have intervals that do not hold their forecast, from 2024-01-05: B"
    ]


def test_an_interval_of_no_width_is_in_order(lake):
    assert found(lake, forecasts().assign(lower=10.0, upper=10.0 - 1e-12)) == []


def test_rows_that_were_marked_stale_later_stood(lake):
    assert found(lake, forecasts().assign(stale="ingest")) == []


def test_without_a_night_the_rows_are_judged_by_themselves(lake):
    rows = forecasts()
    rows = broken(without(rows[rows["series_id"] != "A"], ("B", 3)), "C", 1, value=np.nan)
    assert found(lake, rows, None) == [
        "1 series lack steps of the horizon, from 2024-01-05: B (2 of 3)",
        "1 series have forecasts that are no finite numbers, from 2024-01-05: C",
    ]


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    gone=st.sets(st.tuples(st.sampled_from(NAMES), st.integers(1, HORIZON))),
    nan=st.sets(st.tuples(st.sampled_from(NAMES), st.integers(1, HORIZON))),
)
def test_whatever_is_taken_away_is_found_and_nothing_else(tmp_path_factory, gone, nan):
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    rows = without(forecasts(), *gone)
    for name, step in nan - gone:
        rows = broken(rows, name, step, upper=np.nan)
    said = " | ".join(found(lake, rows))
    assert bool(said) == bool(gone | nan)
    if len(gone) == len(NAMES) * HORIZON:
        return
    lost = {name for name in NAMES if all((name, step) in gone for step in range(1, HORIZON + 1))}
    for name in NAMES:
        harmed = {key for key in gone | nan if key[0] == name}
        part = sum(key[0] == name for key in gone)
        assert (f" {name}" in said.replace("from 2024", "")) == bool(harmed), said
        assert (f"{name} ({HORIZON - part} of {HORIZON})" in said) == (
            bool(part) and name not in lost
        )
