"""Whom an event wakes: only what reaches the newest steps, and each event once."""

import pandas as pd
import pytest

from pipelines_lib.anomaly.event_alerts import find_event_alerts, note_watched
from pipelines_lib.tables import EVENTS, SCORES

START = pd.Timestamp("2024-01-01", tz="UTC")
SCORER = "sensors-detector"


def hour(number):
    return START + pd.Timedelta(hours=number)


def write_scores(lake, n, series_ids=("hall", "room"), mode="causal"):
    rows = pd.DataFrame(
        [{"series_id": name, "time": hour(number)} for name in series_ids for number in range(n)]
    )
    rows = rows.reindex(columns=SCORES.schema.names)
    rows = rows.assign(scorer=SCORER, mode=mode, score=1.0, threshold=2.0, anomalous=False)
    lake.merge_rows("sensors", SCORES, rows)


def write_event(lake, name, begin, end, *, series_id="room", quiet="", mode="causal"):
    row = pd.DataFrame([{"series_id": series_id, "start": hour(begin), "end": hour(end)}])
    row = row.reindex(columns=EVENTS.schema.names).assign(
        event_id=name, mode=mode, scorer=SCORER, peak=hour(begin), peak_score=6.0, severity=3.0,
        n_steps=end - begin + 1, features="value", parts="shift", state="open", quiet=quiet,
        run_id="r1", model_version="1",
    )  # fmt: skip
    lake.merge_rows("sensors", EVENTS, row)


def find(lake, mode="causal"):
    alerts, watched = find_event_alerts(lake, "sensors", scorer=SCORER, mode=mode)
    return sorted(alert.subject for alert in alerts), watched


def test_find_event_alerts_of_a_first_night_passes_over_history(lake):
    write_scores(lake, 100)
    write_event(lake, "old", 10, 20)
    write_event(lake, "near", 90, 98)
    write_event(lake, "now", 95, 99, series_id="hall")
    assert find(lake)[0] == ["now"]


def test_find_event_alerts_of_later_nights_has_every_event_that_reaches_what_is_new(lake):
    write_scores(lake, 100)
    write_event(lake, "old", 10, 20)
    note_watched(lake, "sensors", find(lake)[1])
    assert find(lake)[0] == []

    write_scores(lake, 124)
    write_event(lake, "tonight", 101, 103)
    write_event(lake, "extended", 98, 100, series_id="hall")
    write_event(lake, "restated", 40, 41)  # found in history that came anew: no news
    write_event(lake, "ignored", 110, 112, quiet="ignored until 2024-02-01")
    assert find(lake)[0] == ["extended", "tonight"]
    assert find(lake)[0] == ["extended", "tonight"]  # killed before it was stored: found again
    note_watched(lake, "sensors", find(lake)[1])
    assert find(lake)[0] == []


def test_find_event_alerts_counts_a_series_that_is_behind_by_its_own_steps(lake):
    write_scores(lake, 100, ["hall"])
    write_scores(lake, 50, ["room"])
    note_watched(lake, "sensors", find(lake)[1])
    write_scores(lake, 60, ["room"])
    write_event(lake, "late", 55, 56)
    assert find(lake)[0] == ["late"]
    write_scores(lake, 100, ["attic"])  # a series that was never looked at
    write_event(lake, "history", 10, 11, series_id="attic")
    assert find(lake)[0] == ["late"]


def test_find_event_alerts_of_a_study_wakes_nobody(lake):
    write_scores(lake, 100, mode="retrospective")
    write_event(lake, "now", 95, 99, mode="retrospective")
    alerts, watched = find(lake, mode="retrospective")
    assert alerts == []
    note_watched(lake, "sensors", watched)


def test_find_event_alerts_says_what_happened_and_what_to_do(lake):
    write_scores(lake, 100)
    write_event(lake, "e12", 97, 99)
    (alert,) = find_event_alerts(lake, "sensors", scorer=SCORER, mode="causal")[0]
    assert alert.title == "sensors: anomaly in room since 2024-01-05 01:00 UTC"
    assert "3 alarms up to 2024-01-05 03:00 UTC" in alert.text
    assert "3 times the threshold" in alert.text
    assert "tidewatch label sensors e12 true|false" in alert.text
    assert alert.weight == pytest.approx(3.0)
    assert alert.details == {"series_id": "room", "mlflow_run_id": "r1"}
