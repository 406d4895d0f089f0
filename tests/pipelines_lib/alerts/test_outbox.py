"""Alerts wait in the lake until they are told; the first word on a subject stands."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines_lib.alerts import ANOMALY, Alert
from pipelines_lib.alerts.outbox import (
    EXPIRED,
    TOLD_BY_PREFECT,
    join_message,
    mark_alerts,
    read_untold,
    store_alerts,
)
from pipelines_lib.errors import ConfigError
from pipelines_lib.tables import ALERTS

AT = datetime(2024, 7, 1, 9, 30, tzinfo=UTC)
ALERT = Alert(ANOMALY, "e1", "prices: anomaly", "It is strange.", 2.5, {"series_id": "A"})


def test_store_alerts_keeps_what_was_said_first(lake):
    assert store_alerts(lake, "prices", [ALERT], at=AT, flow_run_id="f") == 1
    again = Alert(ANOMALY, "e1", "another title", "other words")
    assert store_alerts(lake, "prices", [again, again], at=AT + timedelta(hours=1)) == 0
    (stored,) = read_untold(lake, "prices")
    assert (stored.alert, stored.at, stored.flow_run_id) == (ALERT, AT, "f")


def test_mark_alerts_takes_them_from_what_is_untold(lake):
    store_alerts(lake, "prices", [ALERT, Alert(ANOMALY, "e2", "t", "x")], at=AT)
    told, old = read_untold(lake, "prices")
    later = AT + timedelta(minutes=1)
    mark_alerts(lake, "prices", [told], TOLD_BY_PREFECT, later)
    mark_alerts(lake, "prices", [old], EXPIRED, later)
    rows = lake.read_rows("prices", ALERTS)
    assert rows["told_how"].tolist() == ["prefect", "expired"]
    assert [time == later for time in rows["told_at"]] == [True, False]
    assert read_untold(lake, "prices") == []
    assert store_alerts(lake, "prices", [ALERT], at=later) == 0
    assert read_untold(lake, "prices") == []  # what was told is not told again


def test_join_message_is_read_back(lake):
    store_alerts(lake, "prices", [ALERT], at=AT)
    joined = join_message(lake, "prices", read_untold(lake, "prices"), "m1")
    assert [one.message for one in joined] == ["m1"]
    assert read_untold(lake, "prices") == joined


def test_store_alerts_refuses_an_unknown_kind(lake):
    with pytest.raises(ConfigError, match=r"'anomaly' of prices: there are anomaly\.opened"):
        store_alerts(lake, "prices", [Alert("anomaly", "e1", "t", "x")], at=AT)


def test_read_untold_of_no_table_is_empty(lake):
    assert read_untold(lake, "prices") == []
    assert store_alerts(lake, "prices", [], at=AT) == 0
    assert lake.table_version("prices", ALERTS) is None
