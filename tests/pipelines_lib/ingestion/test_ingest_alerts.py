"""What an ingest tells: partial once a night, new rows once for each version."""

from datetime import UTC, date, datetime

from pipelines_lib.alerts.outbox import store_alerts
from pipelines_lib.config import DatasetConfig, DocumentsConfig
from pipelines_lib.ingestion import IngestReport
from pipelines_lib.ingestion.ingest_alerts import find_committed, find_partial, night_of
from pipelines_lib.lake import MergeCounts

NIGHT = date(2024, 1, 5)
AT = datetime(2024, 1, 5, 9, 30, tzinfo=UTC)


def partial(lake, *names, night=NIGHT, what="series"):
    alerts = find_partial(
        lake, "prices", dict.fromkeys(names, "gone"), "12 rows fetched", night=night, what=what
    )
    store_alerts(lake, "prices", alerts, at=AT)
    return alerts


def test_find_partial_tells_a_night_of_a_failing_series_once(lake):
    assert partial(lake) == []
    (first,) = partial(lake, "B", "A")
    assert first.title == "prices: 2 series failed in the night of 2024-01-05: A, B"
    assert first.text.startswith("12 rows fetched. ")
    assert partial(lake, "A", "B") == []
    assert partial(lake, "B") == []  # one came after all: no news to wake somebody for
    (more,) = partial(lake, "A", "C")
    assert more.details == {"failed": ["C"]}
    assert len(partial(lake, "A", night=date(2024, 1, 8))) == 1
    assert len(partial(lake, "A", what="files")) == 1


def test_night_of_is_the_newest_final_session_and_not_the_date_in_utc():
    prices = DatasetConfig(name="prices", calendar="XNYS")
    friday_evening = datetime(2024, 1, 5, 23, 50, tzinfo=UTC)
    after_midnight = datetime(2024, 1, 6, 0, 20, tzinfo=UTC)
    assert night_of(prices, friday_evening) == night_of(prices, after_midnight) == date(2024, 1, 5)
    texts = DatasetConfig(name="t", kind="documents", documents=DocumentsConfig(kind="synthetic"))
    assert night_of(texts, after_midnight) == date(2024, 1, 6)


def test_find_committed_names_the_version_and_the_rows():
    report = IngestReport(
        "prices",
        observations=MergeCounts(inserted=3, updated=1),
        last_time="2024-01-05T00:00:00+00:00",
        version=7,
    )
    (alert,) = find_committed(report)
    assert alert.subject == "version 000000007"
    assert alert.details == {
        "rows_new": 3,
        "rows_changed": 1,
        "newest_step": "2024-01-05T00:00:00+00:00",
        "table_version": 7,
    }
    assert find_committed(IngestReport("prices")) == []
