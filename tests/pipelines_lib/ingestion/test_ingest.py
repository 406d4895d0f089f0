from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.errors import ConfigError, SourceError
from pipelines_lib.ingestion import ingest as ingest_module
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.lake import MergeCounts, read_dataset
from pipelines_lib.tables import INGESTS, LABELS, QUARANTINE, dataset_tables, observations_table
from tests.fakes import FakeSource
from tests.nights import killed_at

NIGHT = datetime(2024, 2, 1, 18, tzinfo=UTC)


@pytest.fixture
def dataset(values_dataset):
    return values_dataset()


@pytest.fixture
def frame(make_values):
    return make_values(["A", "B"], 10)


def ingest(lake, dataset, source, ingest_id="first", **options):
    return ingest_dataset(lake, dataset, source, ingest_id=ingest_id, at=NIGHT, **options)


def snapshot(lake, dataset):
    """Return rows and version of every table."""
    tables = dataset_tables(dataset.columns)
    return {
        table.name: (
            lake.table_version(dataset.name, table),
            lake.read_rows(dataset.name, table).to_csv(),
        )
        for table in tables
    }


def observations(lake, dataset):
    return lake.read_rows(dataset.name, observations_table(dataset.columns))


def ingests(lake, dataset):
    return lake.read_rows(dataset.name, INGESTS)


def test_ingest_dataset_stores_what_the_source_has(lake, dataset, frame):
    report = ingest(lake, dataset, FakeSource(frame))

    assert report.dataset == "sensors"
    assert (report.n_series, report.fetched) == (2, 20)
    assert report.observations == MergeCounts(inserted=20)
    assert (report.quarantined, report.rules, report.failures) == (0, {}, {})
    assert report.last_time == "2024-01-01T09:00:00+00:00"
    assert report.version == lake.table_version("sensors", observations_table(dataset.columns))
    read = observations(lake, dataset)
    np.testing.assert_array_equal(read["value"], frame["value"])
    assert set(read["ingest_id"]) == {"first"}
    assert read_dataset(lake, "sensors") == dataset


def test_ingest_dataset_repeated_changes_no_table(lake, dataset, frame):
    frame.loc[3, "value"] = np.nan
    labels = frame.loc[[4], ["series_id", "time"]].assign(kind="spike")
    ingest(lake, dataset, FakeSource(frame, labels=labels))
    before = snapshot(lake, dataset)

    report = ingest(lake, dataset, FakeSource(frame, labels=labels), ingest_id="second")

    assert snapshot(lake, dataset) == before
    assert report.observations == MergeCounts(unchanged=19)
    assert report.quarantined == 0
    assert report.rules == {"not_finite": 1}  # broken in this fetch as in the one before


def test_ingest_dataset_writes_an_ingests_row_for_each_series(lake, dataset, frame):
    ingest(lake, dataset, FakeSource(frame))
    first = pd.Timestamp("2024-01-01T00:00", tz="UTC")
    last = pd.Timestamp("2024-01-01T09:00", tz="UTC")
    assert ingests(lake, dataset).to_dict("records") == [
        {
            "ingest_id": "first",
            "series_id": name,
            "at": pd.Timestamp(NIGHT),
            "source": "fake: by hand",
            "first_time": first,
            "last_time": last,
            "fetched": 10,
            "stored": 10,
            "repaired": 0,
            "quarantined": 0,
        }
        for name in ("A", "B")
    ]


def test_ingest_dataset_of_a_new_night_adds_only_what_is_new(lake, dataset, make_values):
    ingest(lake, dataset, FakeSource(make_values(["A", "B"], 10)))
    later = make_values(["A", "B"], 11)
    # The generator draws the same first ten values whatever the length.
    only_a = later[~((later["series_id"] == "B") & (later["time"].dt.hour == 10))]

    report = ingest(lake, dataset, FakeSource(only_a), ingest_id="second")

    assert report.observations == MergeCounts(inserted=1, unchanged=20)
    read = observations(lake, dataset)
    assert read["ingest_id"].value_counts().to_dict() == {"first": 20, "second": 1}
    night = ingests(lake, dataset).query("ingest_id == 'second'")
    assert night["series_id"].tolist() == ["A"]
    assert night[["fetched", "stored"]].to_numpy().tolist() == [[11, 1]]


def test_ingest_dataset_updates_a_changed_value(lake, dataset, frame):
    ingest(lake, dataset, FakeSource(frame))
    frame.loc[0, "value"] = 99.0

    report = ingest(lake, dataset, FakeSource(frame), ingest_id="second")

    assert report.observations == MergeCounts(updated=1, unchanged=19)
    read = observations(lake, dataset)
    assert read["value"][0] == 99.0
    assert read["ingest_id"].tolist() == ["second"] + ["first"] * 19
    assert len(ingests(lake, dataset).query("ingest_id == 'second'")) == 1


def test_ingest_dataset_keeps_a_row_that_the_source_no_longer_has(lake, dataset, frame):
    ingest(lake, dataset, FakeSource(frame))
    ingest(lake, dataset, FakeSource(frame[5:]), ingest_id="second")
    assert len(observations(lake, dataset)) == 20


def test_ingest_dataset_counts_repaired_rows_that_it_stored(lake, bars_dataset, make_bars):
    dataset, bars = bars_dataset(), make_bars(["A"], 6)
    halted = ["open", "high", "low", "volume"]
    bars.loc[[1, 2], halted] = 0.0
    ingest(lake, dataset, FakeSource(bars[:5]))
    bars.loc[5, halted] = 0.0
    report = ingest(lake, dataset, FakeSource(bars), ingest_id="second")

    assert report.rules == {"halted": 3}
    assert report.observations == MergeCounts(inserted=1, unchanged=5)
    assert observations(lake, dataset)["repair"].count() == 3
    told = ingests(lake, dataset)[["stored", "repaired"]].to_numpy().tolist()
    assert told == [[5, 2], [1, 1]]


def test_ingest_dataset_quarantines_a_bad_row_once(lake, dataset, frame):
    frame.loc[[3, 13], "value"] = np.nan
    frame.loc[4, "time"] += pd.Timedelta("1min")
    report = ingest(lake, dataset, FakeSource(frame))

    assert report.rules == {"off_calendar": 1, "missing_session": 1, "not_finite": 2}
    assert report.quarantined == 3
    assert report.observations == MergeCounts(inserted=17)
    kept = lake.read_rows("sensors", QUARANTINE)
    assert sorted(zip(kept["series_id"], kept["rule"], strict=True)) == [
        ("A", "not_finite"),
        ("A", "off_calendar"),
        ("B", "not_finite"),
    ]
    told = ingests(lake, dataset)[["stored", "quarantined"]].to_numpy().tolist()
    assert told == [[8, 2], [9, 1]]

    ingest(lake, dataset, FakeSource(frame), ingest_id="second")
    assert len(lake.read_rows("sensors", QUARANTINE)) == 3
    assert set(ingests(lake, dataset)["ingest_id"]) == {"first"}


def test_ingest_dataset_with_nothing_but_bad_rows_quarantines_them_and_says_why(
    lake, dataset, frame
):
    with pytest.raises(
        SourceError, match=r"none of the 20 rows .* \(not_finite 20: a value is missing"
    ):
        ingest(lake, dataset, FakeSource(frame.assign(value=np.nan)))
    assert len(lake.read_rows("sensors", QUARANTINE)) == 20


def test_ingest_dataset_logs_an_ingest_that_was_killed_before_its_log(
    lake, dataset, frame, monkeypatch
):
    with killed_at(monkeypatch, INGESTS):
        ingest(lake, dataset, FakeSource(frame))
    assert len(lake.read_rows("sensors", INGESTS)) == 0

    ingest(lake, dataset, FakeSource(frame), ingest_id="second")

    log = lake.read_rows("sensors", INGESTS)
    assert set(log["ingest_id"]) == {"first"}
    assert log["stored"].sum() == len(frame)
    assert log["source"].str.startswith("lost").all()


def test_ingest_dataset_logs_a_batch_that_was_killed_before_its_log_though_another_was_logged(
    lake, dataset, frame, monkeypatch
):
    monkeypatch.setitem(ingest_module.SERIES_PER_BATCH, True, 1)
    frame.loc[13, "value"] = np.nan
    with killed_at(monkeypatch, INGESTS, when=lambda rows: "B" in set(rows["series_id"])):
        ingest(lake, dataset, FakeSource(frame))
    assert ingests(lake, dataset)["series_id"].tolist() == ["A"]

    ingest(lake, dataset, FakeSource(frame), ingest_id="second")

    log = ingests(lake, dataset)
    told = log[["ingest_id", "series_id", "stored", "quarantined"]].to_numpy().tolist()
    assert told == [["first", "A", 10, 0], ["first", "B", 9, 1]]
    assert log["source"].str.startswith("lost").tolist() == [False, True]


def test_ingest_dataset_keeps_labels(lake, dataset, frame):
    labels = frame.loc[[4], ["series_id", "time"]].assign(kind="spike")
    ingest(lake, dataset, FakeSource(frame, labels=labels))
    kept = lake.read_rows("sensors", LABELS)
    assert kept[["series_id", "kind", "ingest_id"]].to_numpy().tolist() == [["A", "spike", "first"]]


def test_ingest_dataset_goes_on_past_a_series_that_failed(lake, values_dataset, make_values):
    dataset = values_dataset(max_failed_share=0.5)
    source = FakeSource(make_values(["A"], 10), reasons={"B": "the host answered 404"})
    report = ingest(lake, dataset, source)
    assert report.failures == {"B": "the host answered 404"}
    assert report.n_series == 2
    assert set(observations(lake, dataset)["series_id"]) == {"A"}


def test_ingest_dataset_past_the_tolerance_fails_after_storing_the_good(
    lake, values_dataset, make_values
):
    dataset = values_dataset(max_failed_share=0.4)
    source = FakeSource(make_values(["A"], 10), reasons={"B": "the host answered 404"})
    with pytest.raises(
        SourceError, match=r"1 of 2 series of dataset sensors failed.*max_failed_share=0\.4.*404"
    ):
        ingest(lake, dataset, source)
    assert len(observations(lake, dataset)) == 10
    assert ingests(lake, dataset)["series_id"].tolist() == ["A"]


def test_ingest_dataset_names_a_series_that_the_source_does_not_know(lake, values_dataset, frame):
    dataset = values_dataset(series_ids=["A", "TYPO"])
    with pytest.raises(SourceError, match=r"TYPO: no rows from the start to now.*correct series"):
        ingest(lake, dataset, FakeSource(frame))


def test_ingest_dataset_asks_for_each_series_once(lake, values_dataset, frame):
    source = FakeSource(frame)
    report = ingest(lake, values_dataset(series_ids=["B", "A", "B"]), source)
    assert source.asked == [{"B": None, "A": None}]
    assert report.n_series == 2


def test_ingest_dataset_of_an_empty_source_is_an_error(lake, dataset, frame):
    with pytest.raises(SourceError, match="fake: by hand has no series"):
        ingest(lake, dataset, FakeSource(frame[:0]))


def test_ingest_dataset_of_an_empty_range_is_an_error(lake, values_dataset, frame):
    dataset = values_dataset(start="2030-01-01", end="2030-01-31")
    with pytest.raises(SourceError, match=r"2 of 2 .*no rows from 2030-01-01 to 2030-01-31"):
        ingest(lake, dataset, FakeSource(frame))
    assert lake.table_version("sensors", observations_table(dataset.columns)) is None


def test_ingest_dataset_holds_to_its_range(lake, values_dataset, make_values):
    frame = make_values(["A"], 72)
    dataset = values_dataset(start="2024-01-02", end="2024-01-02")
    report = ingest(lake, dataset, FakeSource(frame))
    assert report.fetched == 24
    assert report.last_time == "2024-01-02T23:00:00+00:00"


def test_ingest_dataset_refuses_another_declaration_before_it_fetches(
    lake, dataset, values_dataset, frame
):
    ingest(lake, dataset, FakeSource(frame))
    source = FakeSource(frame)
    with pytest.raises(ConfigError, match="step_minutes"):
        ingest(lake, values_dataset(step_minutes=30), source)
    assert source.asked == []


def test_ingest_dataset_goes_through_the_series_in_batches(
    lake, values_dataset, make_values, monkeypatch
):
    monkeypatch.setitem(ingest_module.SERIES_PER_BATCH, True, 2)
    frame, told = make_values(["A", "B", "C", "D", "E"], 4), []
    frame.loc[[0, 19], "value"] = np.nan
    frame = frame[frame["series_id"] != "D"]
    source = FakeSource(frame, reasons={"D": "gone"})

    report = ingest(
        lake,
        values_dataset(max_failed_share=0.2),
        source,
        on_batch=lambda done, total: told.append((done, total)),
    )

    assert [list(asked) for asked in source.asked] == [["A", "B"], ["C", "D"], ["E"]]
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert (report.n_series, report.fetched) == (5, 16)
    assert report.observations == MergeCounts(inserted=14)
    assert report.rules == {"not_finite": 2}
    assert report.failures == {"D": "gone"}
    assert report.last_time == "2024-01-01T03:00:00+00:00"
    assert ingests(lake, values_dataset())["series_id"].tolist() == ["A", "B", "C", "E"]


def test_ingest_dataset_after_dying_between_its_commits_ends_in_the_same_tables(
    lake, dataset, frame, monkeypatch, tmp_path
):
    frame.loc[3, "value"] = np.nan
    whole = type(lake)(str(tmp_path / "whole"))
    ingest(whole, dataset, FakeSource(frame))

    with killed_at(monkeypatch, observations_table(dataset.columns)) as merged:
        ingest(lake, dataset, FakeSource(frame))
    assert merged == ["datasets", "quarantine"]

    ingest(lake, dataset, FakeSource(frame))
    for table in dataset_tables(dataset.columns):
        if table is not INGESTS:
            pd.testing.assert_frame_equal(
                lake.read_rows("sensors", table), whole.read_rows("sensors", table)
            )
