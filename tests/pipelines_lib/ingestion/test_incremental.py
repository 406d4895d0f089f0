"""Night after night from a source that is asked for what is new."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from pipelines_lib.errors import LakeError
from pipelines_lib.ingestion import ingest as ingest_module
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.ingestion.states import read_states
from pipelines_lib.tables import (
    LABELS,
    QUARANTINE,
    SERIES_STATES,
    observations_table,
)
from tests.fakes import FakeSource
from tests.nights import PRICES, evening, killed_at, night, observed, until


def test_a_night_asks_only_for_what_is_new_and_an_overlap(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    report, source = night(lake, dataset, until(bars, 22), evening(bars, 22))
    overlap = bars["time"].drop_duplicates().iloc[15].date()
    assert source.asked == [{"A": overlap, "B": overlap}]
    assert report.fetched == 2 * 8
    assert report.observations.inserted == 4
    pd.testing.assert_frame_equal(
        observed(lake, dataset).drop(columns="ingest_id"),
        until(bars, 22).drop(columns="ingest_id").reset_index(drop=True),
        check_dtype=False,
    )


def test_a_repeated_night_asks_for_nothing(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    report, source = night(lake, dataset, until(bars, 20), evening(bars, 20))
    assert source.asked == []
    assert (report.asked, report.n_series, report.fetched) == (0, 2, 0)
    assert "2 series were up to date" in report.sentence


def test_the_next_run_asks_only_for_what_failed(lake, bars_dataset, bars):
    dataset = bars_dataset(max_failed_share=0.5)
    reasons = {"B": "B: the host did not answer in time"}
    first, _ = night(lake, dataset, until(bars, 20), evening(bars, 20), reasons=reasons)
    assert first.failures == {"B": "the host did not answer in time"}
    second, source = night(lake, dataset, until(bars, 20), evening(bars, 20))
    assert source.asked == [{"B": None}]
    assert (second.complete, second.observations.inserted) == (True, 21)


def test_a_session_that_is_open_is_stored_when_it_is_over(lake, dataset, bars):
    noon = evening(bars, 20) - timedelta(hours=9)
    report, _ = night(lake, dataset, until(bars, 20), noon)
    assert report.rules == {"open_session": 2}
    assert len(observed(lake, dataset)) == 40
    moved = until(bars, 20).copy()
    moved.loc[moved["time"] == moved["time"].max(), "volume"] += 500
    night(lake, dataset, moved, evening(bars, 20))
    newest = observed(lake, dataset).groupby("series_id").tail(1)
    expected = moved.groupby("series_id").tail(1)
    assert newest["volume"].tolist() == expected["volume"].tolist()


def test_a_volume_corrected_overnight_is_updated_without_fuss(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    corrected = until(bars, 21).copy()
    corrected.loc[20, "volume"] += 1
    report, source = night(lake, dataset, corrected, evening(bars, 21))
    assert (report.observations.updated, report.observations.inserted) == (1, 2)
    assert report.restated == ()
    assert len(source.asked) == 1


def test_the_row_after_a_quarantined_jump_is_not_held_when_the_overlap_begins_there(
    lake, dataset, bars
):
    jump = bars.copy()
    jump.loc[jump.index[20:40], PRICES] *= 2  # an unadjusted capital change of A at step 20
    for number in range(20, 30):
        night(lake, dataset, until(jump, number), evening(bars, number), ingest_id=str(number))
    held = lake.read_rows(dataset.name, QUARANTINE)
    assert held[["series_id", "time"]].to_numpy().tolist() == [["A", bars["time"].iloc[20]]]
    assert len(observed(lake, dataset, "A")) == 29


def test_an_ingest_that_ends_early_is_not_asked_for_what_it_stored(
    lake, dataset, bars, monkeypatch
):
    monkeypatch.setitem(ingest_module.SERIES_PER_BATCH, False, 1)
    source = FakeSource(until(bars, 20), whole=False)
    fetch = source.fetch_rows

    def fail_at_b(starts, *, end):
        if "B" in starts:
            raise LakeError("the disk is full", transient=True)
        return fetch(starts, end=end)

    source.fetch_rows = fail_at_b
    with pytest.raises(LakeError):
        ingest_dataset(lake, dataset, source, ingest_id="first", at=evening(bars, 20))
    _, again = night(lake, dataset, until(bars, 20), evening(bars, 20))
    assert [list(asked) for asked in again.asked] == [["B"]]


def test_an_ingest_killed_before_its_states_brings_them_up_to_date_when_repeated(
    lake, bars_dataset, bars, monkeypatch
):
    dataset = bars_dataset(overlap_steps=5, max_failed_share=0.5)
    reasons = {"B": "B: the host answered 503"}
    night(lake, dataset, until(bars, 20), evening(bars, 20), reasons=reasons)
    with killed_at(monkeypatch, SERIES_STATES):
        night(lake, dataset, until(bars, 20), evening(bars, 20))
    assert read_states(lake, dataset.name)["B"].state == "failing"

    _, source = night(lake, dataset, until(bars, 20), evening(bars, 20))

    assert source.asked == []  # every row is there by now
    assert read_states(lake, dataset.name)["B"].state == "live"


def test_an_ingest_killed_at_its_new_rows_has_their_labels(lake, dataset, bars, monkeypatch):
    """Once the rows are there nobody asks for them again, nor for their labels."""
    labels = bars.loc[[20], ["series_id", "time"]].assign(kind="spike")
    with killed_at(monkeypatch, observations_table(dataset.columns), after=True):
        night(lake, dataset, until(bars, 20), evening(bars, 20), labels=labels)
    assert len(observed(lake, dataset)) == 42
    assert lake.read_rows(dataset.name, LABELS)["kind"].tolist() == ["spike"]


def test_asking_for_the_whole_history_finds_an_old_correction(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    corrected = until(bars, 20).copy()
    corrected.loc[3, "close"] = corrected.loc[3, "open"]
    report, source = night(lake, dataset, corrected, evening(bars, 20), whole=True)
    assert source.asked == [{"A": date(2024, 1, 2), "B": date(2024, 1, 2)}]
    assert report.observations.updated == 1


def test_a_series_that_lags_is_warned_of_and_asked_for_again(lake, dataset, bars):
    late = until(bars, 20)
    late = late[(late["series_id"] == "A") | (late["time"] < late["time"].max())]
    report, _ = night(lake, dataset, late, evening(bars, 20))
    day = bars["time"].iloc[20]
    assert len(report.warnings) == 1
    assert f"1 of 2 series have no good row of {day:%Y-%m-%d}" in report.warnings[0]
    assert "B ends on" in report.warnings[0]
    _, source = night(lake, dataset, until(bars, 20), evening(bars, 20))
    assert list(source.asked[0]) == ["B"]


def test_a_dataset_with_a_new_series_asks_for_its_whole_history(lake, dataset, make_bars):
    bars = make_bars(["A", "B"], 40)
    night(lake, dataset, until(bars[bars["series_id"] == "A"], 20), evening(bars, 20))
    report, source = night(lake, dataset, until(bars, 21), evening(bars, 21))
    asked = {name: start for call in source.asked for name, start in call.items()}
    assert asked["B"] == date(2024, 1, 2)
    assert asked["A"] > date(2024, 1, 2)
    assert report.observations.inserted == 1 + 22


def test_ids_of_the_night_do_not_matter_to_what_is_stored(lake, dataset, bars, tmp_path):
    """Ten nights one by one end in the same rows as one night that asks for all of them."""
    for number in range(10, 20):
        night(lake, dataset, until(bars, number), evening(bars, number), ingest_id=f"n{number}")
    once = type(lake)(str(tmp_path / "once"))
    night(once, dataset, until(bars, 19), datetime(2024, 2, 1, tzinfo=UTC))
    columns = ["series_id", "time", *dataset.columns, "repair"]
    pd.testing.assert_frame_equal(
        observed(lake, dataset)[columns], observed(once, dataset)[columns]
    )
