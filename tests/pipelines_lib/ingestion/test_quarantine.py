"""Rows that are held: listed, judged anew, let through with their step."""

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


@pytest.mark.parametrize("corrected", [["volume"], PRICES])
def test_release_rows_lets_a_correction_of_the_same_step_pass(lake, dataset, bars, corrected):
    ingest(lake, dataset, bars)
    release(lake, dataset, rule="price_limit", by_hand=True)
    bars.loc[LAST, corrected] *= 1.1
    report = ingest(lake, dataset, bars, "second")
    assert (report.rules, report.observations.updated) == ({}, 1)
    last = observed(lake, dataset)[list(dataset.columns)].iloc[LAST]
    assert last.tolist() == bars.loc[LAST, list(dataset.columns)].tolist()
    assert held(lake) == []


def test_release_rows_by_hand_waives_only_the_rules_that_the_row_broke(lake, dataset, bars):
    ingest(lake, dataset, bars)
    release(lake, dataset, series_id="A", by_hand=True)
    assert lake.read_rows("prices", RELEASES)["rule"].tolist() == ["price_limit"]
    bars.loc[LAST, "high"] = bars.loc[LAST, "low"] - 5_000
    assert ingest(lake, dataset, bars, "second").rules == {"price_order": 1}
    assert held(lake) == [("A", "price_order")]


@pytest.mark.parametrize("killed_at", ["observations", "releases"])
def test_release_rows_ends_well_after_a_kill(
    lake, dataset, bars_dataset, bars, monkeypatch, killed_at
):
    bars.loc[LAST, "high"] -= 1  # range_rounding, mended
    ingest(lake, dataset, bars)
    merge = lake.merge_rows

    def killed(name, table, rows):
        if table.name == killed_at:
            raise KeyboardInterrupt
        return merge(name, table, rows)

    monkeypatch.setattr(lake, "merge_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        release(lake, bars_dataset(price_limit=0.5))
    monkeypatch.undo()
    assert held(lake) == [("A", "price_limit")]
    assert len(lake.read_rows("prices", RELEASES)) == 0

    assert release(lake, bars_dataset(price_limit=0.5)) == Release(1, {})

    assert held(lake) == []
    assert observed(lake, dataset)["repair"].iloc[LAST] == "range_rounding"
    assert ingest(lake, dataset, bars, "second").rules == {"range_rounding": 1}


def test_list_quarantine_shows_a_released_row_whose_step_is_gone(lake, dataset, bars):
    ingest(lake, dataset, bars)
    release(lake, dataset, rule="price_limit", by_hand=True)
    table = observations_table(dataset.columns)
    stored = observed(lake, dataset)
    lake.replace_rows("prices", table, stored.iloc[:LAST], scope={"series_id": ["A"]})
    assert held(lake) == [("A", "price_limit")]
    assert release(lake, dataset, rule="price_limit", by_hand=True) == Release(1, {})
    assert held(lake) == []


OLDER = "its step was given again later, and that version was judged"


@pytest.mark.parametrize("ids", [("z", "a"), ("a", "z")])
@pytest.mark.parametrize("factor", [0.9, 1.1])
@pytest.mark.parametrize("by_hand", [False, True])
def test_release_rows_stores_the_newest_version_of_a_step(
    lake, dataset, bars_dataset, bars, ids, factor, by_hand
):
    def ingest_version(rows, ingest_id, at):
        ingest_dataset(lake, dataset, FakeSource(rows), ingest_id=ingest_id, at=at)

    bars.loc[LAST, PRICES] = np.round(bars.loc[LAST - 1, "close"] * 1.6)
    newer = bars.copy()
    newer.loc[LAST, PRICES] = np.round(bars.loc[LAST, PRICES].astype(float) * factor)
    ingest_version(bars, ids[0], AT)
    ingest_version(newer, ids[1], AT.replace(day=2))

    done = release(
        lake, dataset if by_hand else bars_dataset(price_limit=0.9), rule="price_limit",
        by_hand=by_hand,
    )  # fmt: skip

    assert done == Release(1, {OLDER: 1})
    assert observed(lake, dataset)["close"].iloc[LAST] == newer.loc[LAST, "close"]
    assert held(lake) == []  # the step is released


def test_release_rows_takes_a_row_of_an_unknown_ingest_for_the_oldest(
    lake, dataset, bars_dataset, bars
):
    ingest(lake, dataset, bars)
    was = lake.read_rows("prices", QUARANTINE)
    row = was["row"].str.replace('"volume":', '"volume":1')
    lake.merge_rows("prices", QUARANTINE, was.assign(row=row, ingest_id="unknown"))
    assert release(lake, bars_dataset(price_limit=0.5)) == Release(1, {OLDER: 1})
    assert observed(lake, dataset)["volume"].iloc[LAST] == bars.loc[LAST, "volume"]


def test_release_rows_takes_the_duplicate_of_an_ingest_for_the_older(
    lake, dataset, bars_dataset, bars
):
    first = bars.iloc[[LAST]].assign(volume=7.0)
    ingest(lake, dataset, pd.concat([first, bars], ignore_index=True))
    done = release(lake, bars_dataset(price_limit=0.5))
    assert done == Release(1, {OLDER: 1})
    assert observed(lake, dataset)["volume"].iloc[LAST] == bars.loc[LAST, "volume"]


def test_release_rows_releases_a_row_that_two_rules_hold_once(lake, dataset, bars_dataset, bars):
    ingest(lake, dataset, bars)
    was = lake.read_rows("prices", QUARANTINE)
    lake.merge_rows("prices", QUARANTINE, was.assign(rule="price_order"))
    assert release(lake, bars_dataset(price_limit=0.5)) == Release(1, {})
    assert held(lake) == []


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


@pytest.mark.parametrize(
    "options",
    [{}, {"rule": "restated"}, {"series_id": "A"}, {"series_id": "A", "by_hand": True}],
)
def test_release_rows_leaves_a_row_on_another_basis_to_a_person(restated_lake, dataset, options):
    done = release(restated_lake, dataset, **options)
    said = "restated: another basis, so release it by hand with --rule restated"
    assert done == Release(0, {said: 1})
    assert len(observed(restated_lake, dataset)) == LAST - 1
    assert held(restated_lake) == [("A", "restated")]


def test_release_rows_leaves_what_a_restatement_displaced(lake, dataset, make_bars):
    bars = make_bars(["A"], LAST)
    bars.loc[5, "high"] = bars.loc[5, "low"] - 5_000
    ingest(lake, dataset, bars)
    release(lake, dataset, rule="price_order", by_hand=True)
    assert held(lake) == []
    adjusted = bars.assign(**{name: np.round(bars[name] * 0.9, 2) for name in PRICES})
    later = AT.replace(day=2)
    source = FakeSource(adjusted.drop(index=5))
    ingest_dataset(lake, dataset, source, ingest_id="second", at=later)
    assert set(held(lake)) == {("A", "price_order"), ("A", "restated")}

    for options in ({"series_id": "A"}, {"rule": "price_order"}):  # the old basis, both of them
        done = release(lake, dataset, by_hand=True, **options)
        assert done.released == 0
        assert next(iter(done.kept)).startswith("restated: another basis")

    # On the new basis it is another row.
    source = FakeSource(adjusted)
    ingest_dataset(lake, dataset, source, ingest_id="third", at=AT.replace(day=3))
    assert observed(lake, dataset)["close"].iloc[5] == adjusted.loc[5, "close"]


def test_release_rows_by_hand_waives_every_rule_that_may_be(lake, dataset, bars):
    bars.loc[40, ["low", "close"]] = 0.0  # not_positive, and a move beyond price_limit
    ingest(lake, dataset, bars)
    assert release(lake, dataset, series_id="B", by_hand=True) == Release(1, {})
