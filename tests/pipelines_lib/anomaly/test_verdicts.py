"""Verdicts: recorded, and what is made of them."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.anomaly.verdicts import (
    advise_threshold,
    alarm_precision,
    correct_labels,
    evaluate_on_verdicts,
    find_ignored,
    labels_of,
    read_verdicts,
    record_verdict,
)
from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import ConfigError, SeriesError
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.tables import EVENTS

HOURLY = make_calendar(DatasetConfig(name="any", calendar="fixed", step_minutes=60))
NOW = datetime(2024, 2, 1, tzinfo=UTC)


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp(2024, 1, number, tz="UTC")


def events_of(severity, threshold=1.5):
    """Make events of series A, one a day, with ids e1, e2 and so on."""
    severity = np.asarray(severity, dtype=float)
    start = pd.Series([day(1 + number) for number in range(len(severity))])
    return pd.DataFrame(
        {
            "event_id": [f"e{number + 1}" for number in range(len(severity))],
            "series_id": "A",
            "start": start,
            "end": start + pd.Timedelta(hours=2),
            "peak": start,
            "peak_score": severity * threshold,
            "severity": severity,
            "n_steps": 3,
            "features": "value",
            "mode": "causal",
            "scorer": "d",
            "run_id": "run",
            "model_version": "1",
        }
    )


def verdicts_of(events, said):
    """Say `t` true, `f` false, `i` ignore for a day or `-` nothing of each event."""
    words = {"t": "true", "f": "false", "i": "ignore"}
    rows = events[["event_id", "series_id", "start", "end"]].assign(
        verdict=[words.get(letter, "") for letter in said],
        until=events["start"] + pd.Timedelta(days=1),
    )
    return rows[rows["verdict"] != ""]


@pytest.fixture
def filled(lake):
    lake.merge_rows("sensors", EVENTS, events_of([2, 3, 4]))
    return lake


def record(lake, event_id, verdict, until=None, note="why", at=NOW):
    return record_verdict(lake, "sensors", event_id, verdict=verdict, until=until, note=note, at=at)


def test_record_verdict_stores_what_was_said_of_which_steps(filled):
    record(filled, "e2", "true")
    said = read_verdicts(filled, "sensors").iloc[0]
    assert (said["event_id"], said["series_id"], said["verdict"]) == ("e2", "A", "true")
    assert (said["start"], said["end"]) == (day(2), day(2) + pd.Timedelta(hours=2))
    assert (said["note"], said["at"]) == ("why", NOW)
    assert pd.isna(said["until"])


def test_record_verdict_takes_the_place_of_an_earlier_one(filled):
    record(filled, "e2", "ignore", until=day(9))
    record(filled, "e2", "false")
    said = read_verdicts(filled, "sensors")
    assert said["verdict"].tolist() == ["false"]
    assert said["until"].isna().all()


def test_record_verdict_of_an_unknown_event_names_near_ones(filled):
    with pytest.raises(SeriesError, match=r"no event 'e22' \(near: e2\): `tidewatch events sens"):
        record(filled, "e22", "true")


@pytest.mark.parametrize(
    ("verdict", "until", "said"),
    [
        ("maybe", None, "verdict 'maybe' is unknown: say true, false or ignore"),
        ("ignore", None, "say until when"),
        ("true", day(9), "leave it out"),
        ("ignore", day(2), "until=2024-01-02 is not later than the start of event e2"),
    ],
)
def test_record_verdict_refuses_in_a_sentence(filled, verdict, until, said):
    with pytest.raises(ConfigError, match=said):
        record(filled, "e2", verdict, until=until)
    assert read_verdicts(filled, "sensors").empty


def test_find_ignored_speaks_of_events_of_the_series_from_the_ignored_one_on():
    events = events_of([2, 2, 2, 2])
    events.loc[3, "series_id"] = "B"
    verdicts = verdicts_of(events, "-i--").assign(until=day(3))
    assert find_ignored(events, verdicts).tolist() == [pd.NaT, day(3), day(3), pd.NaT]
    longer = pd.concat([verdicts, verdicts.assign(event_id="e9", until=day(2))])
    assert find_ignored(events, longer).tolist() == [pd.NaT, day(3), day(3), pd.NaT]
    assert find_ignored(events, verdicts.assign(verdict="false")).isna().all()


def test_labels_of_spells_out_the_steps_of_judged_events():
    labels = labels_of(verdicts_of(events_of([2, 2, 2]), "tif"), HOURLY)
    hours = [day(1) + pd.Timedelta(hours=h) for h in range(3)]
    hours += [day(3) + pd.Timedelta(hours=h) for h in range(3)]
    assert labels["time"].tolist() == hours
    assert labels["anomalous"].tolist() == [True] * 3 + [False] * 3
    assert labels["series_id"].unique().tolist() == ["A"]


def test_labels_of_a_step_that_is_true_and_false_is_true():
    verdicts = verdicts_of(events_of([2, 2]), "tf")
    verdicts.loc[1, ["start", "end"]] = [day(1) + pd.Timedelta(hours=2)] * 2
    assert labels_of(verdicts, HOURLY)["anomalous"].tolist() == [True] * 3


def test_labels_of_no_verdicts_are_none(lake):
    assert labels_of(read_verdicts(lake, "sensors"), HOURLY).empty


def test_alarm_precision_is_the_share_of_true_among_judged():
    events = events_of([2] * 6)
    assert alarm_precision(events, verdicts_of(events, "tfi-ft")) == 0.5
    assert np.isnan(alarm_precision(events, verdicts_of(events, "--i---")))


def test_advise_threshold_keeps_every_true_event():
    events = events_of([1.2, 1.3, 1.5, 1.8, 2.5, 3.0, 1.1])
    advice = advise_threshold(events, verdicts_of(events, "ffftftf"))
    # 1.8, 3.0 true; 1.2, 1.3, 1.5, 1.1 and 2.5 false. A threshold of 1.5 is k = 3.48.
    assert advice.severity == 1.79
    assert (advice.kept, advice.n_true, advice.dropped, advice.n_false) == (2, 2, 4, 5)
    assert advice.k == 13.65  # e^(1.79 x 1.5) - 1 = 13.657
    assert advice.sentence == (
        "of 7 judged events 2 are true; severity above 1.79 keeps 2 of 2 true and drops 4 of 5 "
        "false: set detector.threshold.k=13.65 (kind fixed)"
    )


def test_advise_threshold_says_no_k_where_the_threshold_is_not_one():
    events = events_of([1.2, 1.3, 1.5, 1.8, 2.5], threshold=np.array([1, 1, 1, 1, 2.0]))
    advice = advise_threshold(events, verdicts_of(events, "ffftt"))
    assert advice.k is None
    assert advice.sentence.endswith("drops 3 of 3 false")


def test_advise_threshold_that_cannot_keep_all_has_the_best_f1():
    events = events_of([1.1, 1.2, 1.3, 1.4, 2.0, 2.2])
    advice = advise_threshold(events, verdicts_of(events, "tffftt"))
    assert (advice.severity, advice.kept, advice.dropped) == (1.99, 2, 3)


def test_advise_threshold_where_none_is_true_drops_all():
    events = events_of([1.1, 1.2, 1.301, 1.4, 2.0])
    advice = advise_threshold(events, verdicts_of(events, "fffff"))
    assert (advice.severity, advice.dropped) == (2.0, 5)
    assert "of 5 judged events none is true; severity above 2 drops all" in advice.sentence


@pytest.mark.parametrize(
    "said",
    [
        "tf-tii",  # three judged
        "tttttt",  # none to drop
        "ttttff",  # the false ones are the strongest
    ],
)
def test_advise_threshold_has_none_where_there_is_none(said):
    events = events_of([1.1, 1.2, 1.3, 1.4, 2.0, 2.1])
    assert advise_threshold(events, verdicts_of(events, said)) is None


def test_correct_labels_adds_what_is_true_and_takes_what_is_false():
    events = events_of([2, 3])
    hours = pd.date_range(day(2), periods=2, freq="h")
    labels = pd.DataFrame({"series_id": "A", "time": [*hours, day(9)], "kind": "spike"})
    corrected = correct_labels(labels, verdicts_of(events, "tf"), HOURLY)
    true = pd.date_range(day(1), periods=3, freq="h")
    assert sorted(corrected["time"]) == [*true, day(9)]


def test_correct_labels_makes_none_where_there_are_none():
    nothing = pd.DataFrame({"series_id": [], "time": []})
    assert len(correct_labels(nothing, verdicts_of(events_of([2]), "t"), HOURLY)) == 0


def test_evaluate_on_verdicts_counts_the_judged_events_with_an_alarm():
    verdicts = verdicts_of(events_of([2, 3, 4, 5]), "ttfi")
    times = pd.date_range(day(1), day(5), freq="h")
    alarms = pd.DataFrame({"series_id": "A", "time": times, "anomalous": False})
    alarms.loc[times == day(2) + pd.Timedelta(hours=2), "anomalous"] = True
    alarms.loc[times == day(4), "anomalous"] = True  # ignored: nobody said what it is
    assert evaluate_on_verdicts(alarms, verdicts) == {
        "judged_true_events": 2.0,
        "judged_true_found_pct": 50.0,
        "judged_false_events": 1.0,
        "judged_false_alarmed_pct": 0.0,
    }


def test_evaluate_on_verdicts_leaves_out_events_that_were_not_scored():
    alarms = pd.DataFrame({"series_id": "A", "time": [day(20)], "anomalous": [True]})
    assert evaluate_on_verdicts(alarms, verdicts_of(events_of([2]), "t")) == {
        "judged_true_events": 0.0,
        "judged_false_events": 0.0,
    }
