"""Rows that are held: listed, judged anew, let through for good."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.errors import LakeError
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.ingestion.quarantine import Release, list_quarantine, release_rows
from pipelines_lib.lake import MergeCounts
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.quality import check_rows
from pipelines_lib.tables import (
    INGESTS,
    QUARANTINE,
    RELEASES,
    dataset_tables,
    observations_table,
)
from tests.fakes import FakeSource

AT = datetime(2025, 1, 1, tzinfo=UTC)
PRICES = ["open", "high", "low", "close"]
LAST = 29


@pytest.fixture
def dataset(bars_dataset):
    return bars_dataset()


@pytest.fixture
def bars(make_bars):
    """Return bars of A and B; A jumps by 0.4 on its last day."""
    bars = make_bars(["A", "B"], LAST + 1)
    bars.loc[LAST, PRICES] = np.round(bars.loc[LAST - 1, "close"] * 1.4)
    return bars


def ingest(lake, dataset, rows, ingest_id="first"):
    return ingest_dataset(lake, dataset, FakeSource(rows), ingest_id=ingest_id, at=AT)


def release(lake, dataset, **options):
    return release_rows(lake, dataset, release_id="release", at=AT, **options)


def observed(lake, dataset, name="A"):
    return lake.read_rows(dataset.name, observations_table(dataset.columns), series_ids=[name])


def held(lake):
    rows = list_quarantine(lake, "prices")
    return list(zip(rows["series_id"], rows["rule"], strict=True))


def versions(lake, dataset):
    return [lake.table_version("prices", table) for table in dataset_tables(dataset.columns)]


def test_list_quarantine_has_the_newest_first_and_those_without_a_time_last(lake, dataset, bars):
    bars.loc[[33, 45], "close"] = np.nan
    bars.loc[50, "time"] = None
    checked = check_rows(bars, dataset=dataset, calendar=make_calendar(dataset))
    lake.merge_rows("prices", QUARANTINE, checked.quarantined.assign(ingest_id="first"))
    rows = list_quarantine(lake, "prices")
    assert rows["rule"].tolist() == ["price_limit", "not_finite", "not_finite", "time_unreadable"]
    assert rows["time"].tolist()[:3] == bars.loc[[LAST, 45, 33], "time"].tolist()


def test_list_quarantine_filters_by_rule_and_series(lake, dataset, bars):
    bars.loc[[3, 33], "close"] = np.nan
    ingest(lake, dataset, bars)
    assert set(list_quarantine(lake, "prices", rule="not_finite")["series_id"]) == {"A", "B"}
    assert len(list_quarantine(lake, "prices", rule="not_finite", series_id="A")) == 1


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"rule": "halted"}, r"rule='halted' \(it has price_limit\): correct --rule"),
        ({"series_id": "B"}, r"series_id='B' \(it has A\): correct --series"),
    ],
)
def test_list_quarantine_names_what_there_is(lake, dataset, bars, wanted, said):
    ingest(lake, dataset, bars)
    with pytest.raises(LakeError, match=said):
        list_quarantine(lake, "prices", **wanted)


def test_list_quarantine_of_nothing_is_empty(lake, dataset, make_bars):
    ingest(lake, dataset, make_bars(["A"], 5))
    assert len(list_quarantine(lake, "prices")) == 0


def test_release_rows_stores_what_passes_the_rules_as_they_are_now(
    lake, dataset, bars_dataset, bars
):
    ingest(lake, dataset, bars)
    before = versions(lake, dataset)
    assert release(lake, dataset) == Release(
        0, {"price_limit: the close moved by more than a session allows: a capital change, not a "
            "price": 1}
    )  # fmt: skip
    assert versions(lake, dataset) == before

    assert release(lake, bars_dataset(price_limit=0.5)) == Release(1, {})

    read = observed(lake, dataset)
    assert read[PRICES].iloc[LAST].tolist() == bars.loc[LAST, PRICES].tolist()
    assert read["ingest_id"].tolist() == ["first"] * LAST + ["release"]
    assert held(lake) == []
    assert len(lake.read_rows("prices", QUARANTINE)) == 1  # what was held stays on record
    log = lake.read_rows("prices", INGESTS).query("ingest_id == 'release'")
    assert log[["series_id", "stored", "source"]].to_numpy().tolist() == [
        ["A", 1, "release: quarantine"]
    ]


@pytest.mark.parametrize("by_hand", [False, True])
def test_release_rows_lets_the_same_row_pass_at_the_next_ingest(
    lake, dataset, bars_dataset, bars, by_hand
):
    bars[PRICES] *= 1.0000001234567  # as many digits as an adjusted price has
    ingest(lake, dataset, bars)
    done = release(
        lake, dataset if by_hand else bars_dataset(price_limit=0.5), rule="price_limit",
        by_hand=by_hand,
    )  # fmt: skip
    assert done.released == 1
    why = "by hand" if by_hand else "passes now"
    assert set(lake.read_rows("prices", RELEASES)["why"]) == {why}
    before = versions(lake, dataset)

    report = ingest(lake, dataset, bars, "second")

    assert (report.rules, report.quarantined) == ({}, 0)
    assert report.observations == MergeCounts(unchanged=2 * LAST + 2)
    assert versions(lake, dataset) == before


def test_release_rows_holds_another_row_of_the_same_step_back(lake, dataset, bars):
    ingest(lake, dataset, bars)
    release(lake, dataset, rule="price_limit", by_hand=True)
    bars.loc[LAST, PRICES] *= 1.1
    report = ingest(lake, dataset, bars, "second")
    assert report.rules == {"price_limit": 1}
    assert held(lake) == [("A", "price_limit")]


def test_release_rows_leaves_a_row_whose_step_is_stored_meanwhile(
    lake, dataset, bars_dataset, bars
):
    ingest(lake, dataset, bars)
    corrected = bars.copy()
    corrected.loc[LAST, PRICES] = corrected.loc[LAST - 1, PRICES]
    ingest(lake, dataset, corrected, "second")

    done = release(lake, bars_dataset(price_limit=0.5))

    assert done == Release(0, {"its step is stored meanwhile": 1})
    assert observed(lake, dataset)["close"].iloc[LAST] == bars.loc[LAST - 1, "close"]
    assert held(lake) == [("A", "price_limit")]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("by_hand", [False, True])
def test_release_rows_never_stores_a_value_that_is_no_number(lake, dataset, bars, value, by_hand):
    bars.loc[33, "volume"] = value
    ingest(lake, dataset, bars)
    done = release(lake, dataset, series_id="B", by_hand=by_hand)
    reason = "cannot be waived" if by_hand else "a value is missing or not finite"
    assert (done.released, list(done.kept.values())) == (0, [1])
    assert reason in next(iter(done.kept))
    assert len(observed(lake, dataset, "B")) == LAST
    assert ("B", "not_finite") in held(lake)


def test_release_rows_by_hand_stores_only_what_is_asked_for(lake, dataset, bars):
    bars.loc[33, "high"] = bars.loc[33, "low"] - 5_000
    ingest(lake, dataset, bars)
    assert release(lake, dataset, series_id="B", by_hand=True) == Release(1, {})
    assert held(lake) == [("A", "price_limit")]
    assert observed(lake, dataset, "B")["high"].iloc[3] == bars.loc[33, "high"]


def test_release_rows_by_hand_leaves_what_cannot_be_stored(lake, dataset, bars):
    bars.loc[2, "close"] = np.nan
    bars.loc[5, "time"] = pd.Timestamp("2024-01-13", tz="UTC")  # a Saturday
    ingest(lake, dataset, bars)
    done = release(lake, dataset, series_id="A", by_hand=True)
    assert done == Release(
        1, {"not_finite cannot be waived": 1, "off_calendar cannot be waived": 1}
    )
    assert observed(lake, dataset)["close"].iloc[-1] == bars.loc[LAST, "close"]


@pytest.fixture
def restated_lake(lake, dataset, make_bars):
    """Return a lake whose A has been adjusted by 0.9, its sixth row held on the old basis."""
    bars = make_bars(["A"], LAST)
    ingest(lake, dataset, bars)
    adjusted = bars.assign(**{name: np.round(bars[name] * 0.9, 2) for name in PRICES})
    ingest(lake, dataset, adjusted.drop(index=5), "second")
    assert held(lake) == [("A", "restated")]
    return lake


def test_release_rows_by_hand_puts_a_row_on_another_basis_back(restated_lake, dataset):
    assert release(restated_lake, dataset, rule="restated", by_hand=True) == Release(1, {})
    assert len(observed(restated_lake, dataset)) == LAST


def test_release_rows_leaves_a_row_on_another_basis_to_a_person(restated_lake, dataset):
    assert release(restated_lake, dataset).released == 0


def test_release_rows_by_hand_waives_every_rule_that_may_be(lake, dataset, bars):
    bars.loc[40, ["low", "close"]] = 0.0  # not_positive, and a move beyond price_limit
    ingest(lake, dataset, bars)
    assert release(lake, dataset, series_id="B", by_hand=True) == Release(1, {})
