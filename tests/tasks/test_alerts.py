"""Alerts told by a real Prefect server to a real webhook: none twice, none lost."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL,
    get_current_settings,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from deployments.automations import set_up_alerts
from pipelines_lib.alerts import ANOMALY, COMMITTED, PROMOTED, Alert
from pipelines_lib.alerts.outbox import store_alerts
from pipelines_lib.settings import Settings
from pipelines_lib.tables import ALERTS
from tasks.alerts import raise_alerts
from tests.nights import killed_at
from tests.support import wait_for
from tests.webhook import open_webhook


@pytest.fixture(scope="module")
def webhook():
    """A server that sends what it is told to a webhook."""
    with (
        temporary_settings(
            {
                PREFECT_API_REQUEST_TIMEOUT: 180,
                PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL: 1,
            }
        ),
        prefect_test_harness(server_startup_timeout=120),
        open_webhook() as listening,
    ):
        set_up_alerts(Settings(alert_webhook=listening.url), jobs=[])
        yield listening


def now():
    return datetime.now(UTC)


def alert(number, dataset, kind=ANOMALY):
    return Alert(kind, f"e{number}", f"{dataset}: anomaly {number:03}", "Look.", float(number))


def events(dataset):
    """Return what the server keeps of a dataset."""
    query = {"filter": {"resource": {"id": [f"tidewatch.dataset.{dataset}"]}}, "limit": 50}
    place = f"{get_current_settings().api.url}/events/filter"
    return requests.post(place, json=query, timeout=30).json()["events"]


def how_told(lake, dataset):
    return lake.read_rows(dataset, ALERTS)["told_how"].tolist()


def settled(webhook, dataset, count):
    """Wait for so many messages, and for a last word: none of before comes after it."""
    wait_for(lambda: len(webhook.subjects(dataset)) >= count, seconds=30, what="messages")
    return webhook.subjects(dataset)


def test_raise_alerts_twice_tells_once(lake, webhook):
    assert raise_alerts(lake, "twice", [alert(1, "twice")], at=now()) == 1
    assert raise_alerts(lake, "twice", [alert(1, "twice")], at=now()) == 0
    assert raise_alerts(lake, "twice", [alert(2, "twice")], at=now()) == 1
    assert settled(webhook, "twice", 2) == ["twice: anomaly 001", "twice: anomaly 002"]
    kept = events("twice")
    assert sorted(event["payload"]["subject"] for event in kept) == ["e1", "e2"]
    assert {event["event"] for event in kept} == {"tidewatch.anomaly.opened"}
    assert kept[0]["payload"]["dataset"] == "twice"
    assert how_told(lake, "twice") == ["prefect", "prefect"]


def test_raise_alerts_while_the_server_is_away_loses_nothing(lake, webhook, caplog):
    began = now()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert raise_alerts(lake, "away", [alert(1, "away")], at=began) == 0
    assert (now() - began).total_seconds() < 10
    assert how_told(lake, "away") == [""]
    assert "1 alerts cannot be told now, and will be by the next run" in caplog.text
    assert raise_alerts(lake, "away", [], at=now()) == 1
    assert settled(webhook, "away", 1) == ["away: anomaly 001"]
    assert how_told(lake, "away") == ["prefect"]


@pytest.mark.parametrize("count", [1, 25])
def test_raise_alerts_after_dying_between_event_and_mark_tells_once(
    lake, webhook, monkeypatch, count
):
    dataset = f"dying{count}"
    alerts = [alert(number, dataset) for number in range(count)]

    def told(rows):
        return (rows["told_how"] == "prefect").any()

    with killed_at(monkeypatch, ALERTS, when=told):
        raise_alerts(lake, dataset, alerts, at=now())
    assert set(how_told(lake, dataset)) == {""}
    sent = min(count, 10)
    settled(webhook, dataset, sent)
    # By the next night more has happened, so that a summary would be another one.
    assert raise_alerts(lake, dataset, [alert(99, dataset)], at=now()) == 1
    assert len(settled(webhook, dataset, sent + 1)) == sent + 1
    assert webhook.subjects(dataset)[-1] == f"{dataset}: anomaly 099"
    assert set(how_told(lake, dataset)) == {"prefect"}
    assert len(how_told(lake, dataset)) == count + 1


def test_raise_alerts_of_a_bad_night_sends_ten_messages(lake, webhook):
    many = [alert(number, "bad") for number in range(40)]
    assert raise_alerts(lake, "bad", many, at=now()) == 40
    subjects = settled(webhook, "bad", 10)
    assert len(subjects) == 10
    assert set(subjects) == {
        *[f"bad: anomaly {number:03}" for number in range(31, 40)],
        "bad: 31 more anomalies",
    }


def test_raise_alerts_lets_what_is_old_go(lake, webhook):
    store_alerts(lake, "old", [alert(1, "old")], at=now() - timedelta(days=8))
    assert raise_alerts(lake, "old", [alert(2, "old")], at=now()) == 1
    assert how_told(lake, "old") == ["expired", "prefect"]
    assert settled(webhook, "old", 1) == ["old: anomaly 002"]


def test_raise_alerts_of_new_rows_has_only_the_newest_word(lake, webhook):
    for number in (1, 2):
        at = now() - timedelta(hours=3 - number)
        store_alerts(lake, "rows", [alert(number, "rows", COMMITTED)], at=at)
    assert raise_alerts(lake, "rows", [], at=now()) == 1
    assert how_told(lake, "rows") == ["superseded", "prefect"]
    (event,) = events("rows")
    assert event["event"] == "tidewatch.ingest.committed"
    assert webhook.subjects("rows") == []  # for jobs, not for people


def test_raise_alerts_without_a_server_is_told_by_the_run(lake, caplog):
    with temporary_settings(restore_defaults={PREFECT_API_URL}), caplog.at_level("INFO"):
        assert raise_alerts(lake, "alone", [alert(1, "alone", PROMOTED)], at=now()) == 1
        assert raise_alerts(lake, "alone", [alert(1, "alone", PROMOTED)], at=now()) == 0
    assert how_told(lake, "alone") == ["run"]
    assert "alert model.promoted: alone: anomaly 001" in caplog.text
