"""The events of a night in the terminal."""

import io

from rich.console import Console

from deployments.night_events import count_events, print_night_events
from pipelines_lib.reports.event_lines import EventLine
from pipelines_lib.reports.summary import NightSummary


def line(event_id, start="2024-01-05 03:00", end="2024-01-05 09:00", **fields):
    values = {
        **{"series_id": "room", "n_steps": 7, "severity": 1.534, "p_value": 0.01},
        **{"features": "value", "parts": "shift, forecast", "state": "open", "quiet": ""},
        **{"verdict": "", "new": False},
        **fields,
    }
    return EventLine(event_id=event_id, start=start, end=end, **values)


def told(*events, limit=10, **fields):
    counts = ("n_series", "fetched", "inserted", "updated", "unchanged", "quarantined_new")
    night = NightSummary(
        **{
            **dict.fromkeys((*counts, "total_rows", "n_forecast_series", "n_new_events"), 0),
            **{"interval_pct": 90.0, "dataset": "sensors", "unit": "degC", "target": "value"},
            **{"newest": "2024-01-06 00:00", "repaired": {}, "quarantined": {}, "models": []},
            **{"forecasts": [], "events": list(events), "n_events": len(events)},
            **fields,
        }
    )
    out = io.StringIO()
    print_night_events(night, Console(file=out, width=100), limit=limit)
    return out.getvalue(), count_events(night)


def test_print_night_events_says_all_of_an_event():
    said, _ = told(line("e1", new=True))
    row = next(text for text in said.splitlines() if text.startswith("e1 "))
    for part in ("room", "2024-01-05 03:00", "1.53", "shift, forecast: value", "open, new alert"):
        assert part in row
    assert ".. 09:00" in said


def test_print_night_events_puts_the_alerts_of_tonight_first_and_keeps_the_order():
    said, _ = told(
        line("e1", new=True, quiet="ignored until 2024-03-01"),
        line("e2"),
        line("e3", new=True),
        line("e4", verdict="false", state="closed"),
        line("e5", new=True),
    )
    rows = [text for text in said.splitlines() if text[:1] == "e" and text[1].isdigit()]
    assert [row[:2] for row in rows] == ["e3", "e5", "e1", "e2", "e4"]
    assert "ignored until" in rows[2]
    assert "open, alert" in rows[3]
    assert "closed, judged" in rows[4]
    assert "-> tidewatch label sensors e3 true|false: say what you think of it" in said


def test_print_night_events_gives_no_hint_where_nothing_wants_a_look():
    said, _ = told(line("e1", verdict="true"), line("e2", quiet="within the cool-down of e1"))
    assert "tidewatch label" not in said


def test_print_night_events_says_how_many_are_not_shown():
    said, _ = told(line("e1"), line("e2", new=True), line("e3"), limit=2)
    assert "e3" not in said
    assert "  and 1 more event: tidewatch events sensors --limit 3" in said


def test_print_night_events_shortens_the_end_by_what_it_shares_with_the_start():
    said, _ = told(
        line("e1", "2024-01-05 03:00", "2024-01-05 03:00"),
        line("e2", "2024-01-05", "2024-02-07"),
        line("e3", "2023-12-31", "2024-01-02"),
    )
    assert [text.strip() for text in said.splitlines() if text.strip().startswith("..")] == [
        ".. 02-07",
        ".. 2024-01-02",
    ]


def test_print_night_events_fits_a_hundred_columns():
    wide = line(
        "e0123456789",
        "2023-12-31 23:30",
        "2024-01-01 00:30",
        series_id="a-rather-long-[name]-of-a-series",
        parts="autoencoder, robust_z, forecast",
        features="relative_return, relative_volume, volatility",
        quiet="within the cool-down of e0123456789; ignored until 2026-03-01",
    )
    said, _ = told(wide, line("e1", new=True))
    assert max(map(len, said.splitlines())) <= 100
    assert "[name]" in said


def test_count_events_tells_alerts_and_the_budget():
    counts = {"n_events": 1234, "n_new_events": 5, "n_alerts": 2}
    assert told(line("e1"), **counts)[1] == "1,234, 5 of them new tonight, alerts 2"
    assert told(line("e1"), **counts, alert_budget=3.0)[1] == (
        "1,234, 5 of them new tonight, alerts 2; about 3 false alarms a night are put up with "
        "(budget)"
    )
