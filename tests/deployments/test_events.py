"""The commands `tidewatch events` and `tidewatch label` on a lake with events."""

import re
import sys

import pandas as pd
import pytest

from deployments.cli import main
from deployments.events import span_text
from pipelines_lib.anomaly.events import event_ids
from pipelines_lib.anomaly.verdicts import read_verdicts
from pipelines_lib.lake import Lake, declare_dataset
from pipelines_lib.tables import EVENTS

SEVERITIES = [1.2, 1.3, 1.4, 2.5, 3.5, 1.5]


@pytest.fixture
def lake(tmp_path, monkeypatch, values_dataset):
    """Return the lake of a home with six events, one a day; the last is open, all of k = 3."""
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    lake = Lake(str(tmp_path / "lake"))
    declare_dataset(lake, values_dataset())
    start = pd.Series(pd.date_range("2024-01-01", periods=6, tz="UTC", unit="us"))
    events = pd.DataFrame(
        {
            "series_id": ["room", "room", "hall", "room", "hall", "room"],
            "start": start,
            "end": start + pd.Timedelta(hours=5),
            "peak": start,
            "mode": "causal",
            "scorer": "sensors-detector",
            "peak_score": [severity * 1.3862943611198906 for severity in SEVERITIES],
            "severity": SEVERITIES,
            "p_value": 0.00123,
            "n_steps": 6,
            "features": "value",
            "parts": "forecast, shift",
            "state": ["closed"] * 5 + ["open"],
            "quiet": "",
            "run_id": "run",
            "model_version": "1",
        }
    )
    lake.merge_rows("sensors", EVENTS, events.assign(event_id=event_ids(events)))
    return lake


@pytest.fixture
def tidewatch(monkeypatch, capsys):
    """Run a command; return the exit code and what it said."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tidewatch", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return run


def ids(lake):
    """Return the ids of the six events, the oldest first."""
    return lake.read_rows("sensors", EVENTS).sort_values("start")["event_id"].tolist()


def lines_of(said):
    return [line for line in said.splitlines() if re.match(r"e[0-9a-f]{10} ", line)]


def test_events_lists_the_newest_first_with_counts(lake, tidewatch):
    code, said = tidewatch("events", "sensors")
    assert code == 0
    assert [line[:11] for line in lines_of(said)] == ids(lake)[::-1]
    for part in ("room", "2024-01-06", "6", "1.50", "0.0012", "forecast, shift", "open"):
        assert part in lines_of(said)[0]
    assert said.count(".. 05:00") == 6
    assert "sensors: 1 open, 5 closed, none judged" in said
    assert f"-> tidewatch label sensors {ids(lake)[-1]} true|false" in said


def test_events_fits_a_hundred_columns(lake, tidewatch):
    rows = lake.read_rows("sensors", EVENTS)
    long = rows.assign(
        series_id="a-rather-long-name-of-a-series",
        features="relative_return, relative_volume, volatility",
        parts="autoencoder, robust_z, forecast",
        quiet="within the cool-down of e0123456789; ignored until 2026-03-01",
        start=rows["start"] + pd.Timedelta(minutes=30),
        n_steps=12_345,
    )
    lake.merge_rows("sensors", EVENTS, long.assign(event_id=event_ids(long)))
    _, said = tidewatch("events", "sensors")
    assert max(map(len, said.splitlines())) <= 100
    assert len(lines_of(said)) == 12
    assert "12,345" in said
    assert "relative_return," in said  # not broken in the middle


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("2024-03-04", "2024-03-04"),
        ("2024-03-04 05:00", "2024-03-04\n.. 05:00"),
        ("2024-03-09 05:00", "2024-03-04\n.. 03-09 05:00"),
        ("2024-03-09", "2024-03-04\n.. 03-09"),
        ("2025-01-02", "2024-03-04\n.. 2025-01-02"),
    ],
)
def test_span_text_says_only_what_differs(end, text):
    start = pd.Timestamp("2024-03-04", tz="UTC")
    assert span_text(start, pd.Timestamp(end, tz="UTC")) == text


def test_events_filters_and_limits(lake, tidewatch):
    assert len(lines_of(tidewatch("events", "sensors", "--open")[1])) == 1
    assert len(lines_of(tidewatch("events", "sensors", "--series", "hall")[1])) == 2
    assert len(lines_of(tidewatch("events", "sensors", "--since", "2024-01-05")[1])) == 2
    _, said = tidewatch("events", "sensors", "--limit", "2")
    assert len(lines_of(said)) == 2
    assert "and 4 older events" in said
    assert tidewatch("events", "sensors", "--since", "2025-01-01")[1] == "sensors: no event\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["events", "sensers"], "dataset 'sensers' is not in the lake (known: sensors)"),
        (["events", "sensors", "--series", "x"], "it has events of hall, room): correct --series"),
        (["events", "sensors", "--since", "May"], "--since May is no date: write it as 2026-03-01"),
        (["label", "sensors", "e1", "true"], "no event 'e1'"),
        (["label", "sensors", "e1", "ignore"], "ignore needs an end: add --until DATE"),
        (["label", "sensors", "e1", "false", "--until", "2024-01-01"], "is for ignore alone"),
        (["label", "sensors", "e1", "ignore", "--until", "soon"], "--until soon is no date"),
    ],
)
def test_events_and_label_refuse_in_a_sentence(lake, tidewatch, arguments, said):
    code, told = tidewatch(*arguments)
    assert code == 1
    assert told.startswith("tidewatch: ")
    assert said in told
    assert "Traceback" not in told


def test_label_refuses_another_verdict(lake, tidewatch):
    code, said = tidewatch("label", "sensors", ids(lake)[0], "perhaps")
    assert code == 2
    assert "'perhaps' is not one of 'true', 'false', 'ignore'" in re.sub(r"[\s│]+", " ", said)


def test_label_refuses_an_end_before_the_event(lake, tidewatch):
    code, said = tidewatch("label", "sensors", ids(lake)[3], "ignore", "--until", "2024-01-03")
    assert code == 1
    assert "until=2024-01-03 is not later than the start of event" in said
    assert read_verdicts(lake, "sensors").empty


def test_label_records_and_says_so(lake, tidewatch):
    event = ids(lake)[1]
    code, said = tidewatch("label", "sensors", event, "true", "--note", "a [broken] door")
    assert (code, said) == (0, f"event {event} (room, 2024-01-02) is a true anomaly\n")
    assert read_verdicts(lake, "sensors")["note"].tolist() == ["a [broken] door"]
    listed = tidewatch("events", "sensors")[1]
    assert "1 judged: 1 true, 0 false" in listed
    assert "[broken]" in listed


def test_label_ignore_makes_stored_events_quiet_at_once(lake, tidewatch):
    event = ids(lake)[1]
    code, said = tidewatch("label", "sensors", event, "ignore", "--until", "2024-01-04")
    assert code == 0
    assert said == (
        f"event {event} (room, 2024-01-02) is ignored: events of room that begin until 2024-01-04 "
        "give no alert; the silence of 2 stored events has changed\n"
    )
    events = lake.read_rows("sensors", EVENTS).sort_values("start")
    ignored = "ignored until 2024-01-04"
    assert events["quiet"].tolist() == ["", ignored, "", ignored, "", ""]
    said = tidewatch("events", "sensors")[1]
    assert "none judged, 1 ignored" in said


def test_events_advises_on_the_threshold(lake, tidewatch):
    for event, verdict in zip(ids(lake), ["false"] * 3 + ["true"] * 2, strict=False):
        tidewatch("label", "sensors", event, verdict)
    said = tidewatch("events", "sensors")[1]
    assert (
        "-> of 5 judged events 2 are true; severity above 2.49 keeps 2 of 2 true and drops 3 of 3 "
        "false: set detector.threshold.k=30.55 (kind fixed)" in said
    )
    assert "5 judged: 2 true, 3 false" in said
