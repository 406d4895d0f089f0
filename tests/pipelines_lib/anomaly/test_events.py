"""Events, by hand."""

import pandas as pd
import pytest

from pipelines_lib.anomaly.events import find_events
from pipelines_lib.series.calendar import make_calendar

HOUR = pd.Timestamp("2024-01-01", tz="UTC")


def at(hour: int) -> pd.Timestamp:
    return HOUR + pd.Timedelta(hours=hour)


def scores_of(rows) -> pd.DataFrame:
    """Make scores of (series, hour, score, feature), threshold 2."""
    frame = pd.DataFrame(rows, columns=["series_id", "time", "score", "feature"])
    return frame.assign(
        time=pd.Series([at(hour) for hour in frame["time"]], dtype="datetime64[us, UTC]"),
        threshold=2.0,
        mode="causal",
        run_id="run",
    )


@pytest.fixture
def find(sine_dataset):
    calendar = make_calendar(sine_dataset)
    return lambda rows, max_gap=1: find_events(scores_of(rows), calendar=calendar, max_gap=max_gap)


def steps(scores, series="A", first=0):
    return [(series, first + hour, score, "value") for hour, score in enumerate(scores)]


def spans(events) -> list[tuple]:
    return [
        (
            row.series_id,
            int((row.start - HOUR) / pd.Timedelta(hours=1)),
            int((row.end - HOUR) / pd.Timedelta(hours=1)),
            row.n_steps,
        )
        for row in events.itertuples()
    ]


def test_find_events_tells_start_end_peak_and_severity(find):
    events = find(steps([0, 3, 8, 5, 0, 0, 0]))
    assert len(events) == 1
    event = events.iloc[0]
    assert (event["start"], event["end"], event["peak"]) == (at(1), at(3), at(2))
    assert (event["peak_score"], event["severity"], event["n_steps"]) == (8, 4.0, 3)
    assert (event["series_id"], event["mode"], event["run_id"]) == ("A", "causal", "run")


def test_find_events_wants_scores_strictly_above_the_threshold(find):
    assert spans(find(steps([2.0, 2.1, 2.0]))) == [("A", 1, 1, 1)]


@pytest.mark.parametrize(
    ("max_gap", "expected"),
    [
        (0, [("A", 0, 0, 1), ("A", 2, 2, 1), ("A", 5, 5, 1)]),
        (1, [("A", 0, 2, 2), ("A", 5, 5, 1)]),
        (2, [("A", 0, 5, 3)]),
    ],
)
def test_find_events_bridges_gaps_up_to_max_gap(find, max_gap, expected):
    assert spans(find(steps([9, 0, 9, 0, 0, 9]), max_gap)) == expected


def test_find_events_counts_gaps_in_steps_of_the_calendar_not_rows(find):
    # Steps 1 to 4 were not scored: two rows next to each other, far apart in time.
    assert spans(find([("A", 0, 9, "value"), ("A", 5, 9, "value")], 3)) == [
        ("A", 0, 0, 1),
        ("A", 5, 5, 1),
    ]
    assert spans(find([("A", 0, 9, "value"), ("A", 5, 9, "value")], 4)) == [("A", 0, 5, 2)]


def test_find_events_keeps_series_apart(find):
    rows = steps([0, 9, 9]) + steps([9, 0, 0, 0, 9], "B", first=3)
    assert spans(find(rows)) == [("A", 1, 2, 2), ("B", 3, 3, 1), ("B", 7, 7, 1)]


def test_find_events_names_features_by_the_scores_they_led(find):
    rows = [("A", 0, 5, "low"), ("A", 1, 4, "high"), ("A", 2, 4, "high"), ("A", 3, 3, "open")]
    rows += [("A", 4, 2.5, "volume")]
    assert find(rows)["features"].tolist() == ["high, low, open"]


def test_find_events_takes_the_first_of_equal_peaks(find):
    assert find(steps([0, 7, 7]))["peak"].tolist() == [at(1)]


@pytest.mark.parametrize("rows", [[], steps([0, 1, 2])])
def test_find_events_finds_none(find, rows):
    events = find(rows)
    assert len(events) == 0
    assert {"series_id", "start", "end", "peak", "peak_score", "severity"} <= set(events.columns)
    assert {"n_steps", "features", "mode"} <= set(events.columns)
