"""The line of words of an event, written out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines_lib.anomaly.explanation import Explanation, describe_event
from pipelines_lib.errors import SeriesError

UNKNOWN = np.full(5, np.nan)


def make(start="2026-03-04", end=None, peak=None, first="2026-03-02", step="D", **fields):
    """Make five steps around an event of the third: a share that falls below its forecast."""
    time = np.datetime64(first, "us") + np.arange(5) * np.timedelta64(1, step)
    start = np.datetime64(start, "us")
    values = {
        "series_id": "005930",
        "column": "close",
        "unit": "KRW",
        "time": time,
        "value": np.array([66_000.0, 66_800.0, 61_200.0, 61_900.0, 62_000.0]),
        "forecast": np.array([66_100.0, 66_200.0, 66_900.0, 64_000.0, 62_000.0]),
        "lower": np.array([63_000.0, 63_100.0, 64_100.0, 61_000.0, 60_000.0]),
        "upper": np.array([69_000.0, 69_100.0, 69_700.0, 67_000.0, 64_000.0]),
        "reconstruction": np.array([66_100.0, 66_300.0, 65_000.0, 63_000.0, 62_000.0]),
        "score": np.array([0.1, 0.2, 3.3, 1.9, 0.3]),
        "threshold": np.full(5, 1.386),
        "start": start,
        "end": np.datetime64(end, "us") if end else start,
        "peak": np.datetime64(peak, "us") if peak else start,
        "parts": {"shift": 29.0, "forecast": 71.0},
        "features": {"close_return": 100.0},
    }
    return Explanation(**{**values, **fields})


def describe(explanation, severity=2.4, p_value=0.0004, state="open"):
    return describe_event(
        explanation, event_id="e1a2b", severity=severity, p_value=p_value, state=state
    )


def test_describe_event_of_a_share_that_fell():
    assert describe(make()) == (
        "005930 2026-03-04: close fell to 61,200 KRW where 66,900 was expected (64,100 to 69,700), "
        "2.4 times the threshold (p 0.0004); mostly the forecast (71 %), then the shift (29 %); "
        "still open; e1a2b"
    )


def test_describe_event_of_several_steps_tells_the_span_and_the_peak():
    said = describe(make(start="2026-03-03", end="2026-03-05", peak="2026-03-04"), state="closed")
    assert said.startswith(
        "005930 2026-03-03 to 2026-03-05 (3 steps): close fell to 61,200 KRW on 2026-03-04 where "
    )
    assert said.endswith("; closed; e1a2b")


def test_describe_event_of_several_steps_compares_the_peak_with_before_the_event():
    value = np.array([50.0, 90.0, 95.0, 61.0, 50.0])
    event = make(start="2026-03-03", end="2026-03-05", peak="2026-03-05", value=value)
    event = replace(event, forecast=np.full(5, 52.0), lower=UNKNOWN, upper=UNKNOWN)
    assert "close rose to 61.0 KRW on 2026-03-05 where 52.0 was expected" in describe(event)


def test_describe_event_below_a_day_tells_the_minute_once_a_day():
    hours = make(
        first="2026-03-04 22:00", step="h", start="2026-03-04 22:00", end="2026-03-04 23:00"
    )
    assert describe(hours).startswith("005930 2026-03-04 22:00 to 23:00 (2 steps): close stood at ")
    assert " KRW at 2026-03-04 22:00 where " in describe(hours)
    over_midnight = replace(hours, end=np.datetime64("2026-03-05 01:00", "us"))
    assert "2026-03-04 22:00 to 2026-03-05 01:00 (4 steps)" in describe(over_midnight)
    seconds = make(first="2026-03-04 00:00:00", step="s", start="2026-03-04 00:00:02")
    assert describe(seconds).startswith("005930 2026-03-04 00:00:02: ")


def test_describe_event_without_forecast_tells_the_reconstruction():
    said = describe(make(forecast=UNKNOWN, lower=UNKNOWN, upper=UNKNOWN))
    assert "close fell to 61,200 KRW where 65,000 was reconstructed, 2.4 times" in said


def test_describe_event_without_any_expectation_tells_the_value_before():
    said = describe(make(forecast=UNKNOWN, reconstruction=UNKNOWN))
    assert "close fell to 61,200 KRW from 66,800, 2.4 times" in said
    first = make(forecast=UNKNOWN, reconstruction=UNKNOWN, start="2026-03-02")
    assert "close stood at 66,000 KRW, 2.4 times" in describe(first)


def test_describe_event_without_interval_has_no_brackets():
    assert "where 66,900 was expected, 2.4" in describe(make(lower=UNKNOWN, upper=UNKNOWN))


def test_describe_event_that_was_not_observed_at_its_peak():
    value = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    assert "close was not observed, 2.4 times" in describe(make(value=value))


@pytest.mark.parametrize(
    ("before", "value", "forecast", "verb"),
    [
        (10, 12, 11, "rose to"),
        (10, 8, 9, "fell to"),
        (10, 12, 15, "stood at"),  # it rose, but too little
        (10, 8, 5, "stood at"),
        (10, 10, 5, "stayed at"),
        (np.nan, 8, 9, "stood at"),
    ],
)
def test_describe_event_names_the_move_that_is_strange(before, value, forecast, verb):
    row = make(value=np.array([np.nan, before, value, 0, 0]), forecast=np.full(5, float(forecast)))
    assert f"close {verb} {value}.0 KRW where {forecast}.0 was" in describe(
        replace(row, lower=UNKNOWN, upper=UNKNOWN)
    )


@pytest.mark.parametrize(
    ("value", "forecast", "shown"),
    [
        (1013.25, 1013.4, "1,013.25 degC where 1,013.40 was"),
        (0.00123, 0.00456, "0.0012 degC where 0.0046 was"),
        (-1_234_567.8, 1.0, "-1,234,568 degC where 1 was"),
        (3e-9, 5e-9, "3e-09 degC where 5e-09 was"),
        (0.0, 25.0, "0 degC where 25 was"),
        (5.0, 5.0, "5.0 degC where 5.0 was"),
    ],
)
def test_describe_event_writes_digits_enough_to_tell_numbers_apart(value, forecast, shown):
    row = make(
        unit="degC",
        value=np.full(5, value),
        forecast=np.full(5, forecast),
        lower=UNKNOWN,
        upper=UNKNOWN,
    )
    assert f" {shown} " in describe(row)


@pytest.mark.parametrize(
    ("severity", "p_value", "said"),
    [
        (1.02, 0.25, "just above the threshold (p 0.25);"),
        (2.44, 0.031, "2.4 times the threshold (p 0.03);"),
        (1234.5, 0.00001, "1,234 times the threshold (p < 0.0001);"),
        (np.inf, np.nan, "far above the threshold;"),
    ],
)
def test_describe_event_tells_how_strange_it_is(severity, p_value, said):
    assert said in describe(make(), severity=severity, p_value=p_value)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"forecast": 100.0}, "; only the forecast; still"),
        ({"forecast": 97.0, "shift": 3.0}, "; mostly the forecast (97 %); still"),
        (
            {"a": 20.0, "robust_z": 40.0, "energy": 30.0, "pca": 10.0},
            "; first the robust z-score (40 %), then the energy (30 %), then a (20 %); still",
        ),
        ({}, "(p 0.0004); still open"),
        ({"forecast": np.nan}, "(p 0.0004); still open"),
    ],
)
def test_describe_event_tells_the_parts_the_strongest_first(parts, said):
    assert said in describe(make(parts=parts))


def test_describe_event_tells_features_where_there_are_several():
    said = describe(make(features={"relative_volume": 36.4, "relative_return": 63.6}))
    assert "; seen in relative_return (64 %), relative_volume (36 %); still open" in said
    assert "seen in" not in describe(make())


def test_describe_event_is_one_line_without_a_unit():
    said = describe(make(unit=""))
    assert "fell to 61,200 where" in said
    assert "\n" not in said


def test_explanation_refuses_an_event_outside_of_its_steps():
    with pytest.raises(SeriesError, match="event of series 005930 from 2027-01-01"):
        make(start="2027-01-01")
