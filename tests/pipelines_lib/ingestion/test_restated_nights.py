"""A source that changes its history between two nights."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.ingestion import IncompleteIngest, ingest_dataset
from pipelines_lib.tables import (
    FORECASTS,
    QUARANTINE,
    RESTATEMENTS,
    SCORES,
    observations_table,
)
from tests.fakes import FakeSource
from tests.nights import PRICES, evening, killed_at, night, observed, split, until


def test_a_split_between_two_nights_is_told_and_merged_as_one_version(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    table = observations_table(dataset.columns)
    old_version = lake.table_version(dataset.name, table)
    after = split(bars, "B", 5)

    report, source = night(lake, dataset, until(after, 21), evening(bars, 21), ingest_id="second")

    (found,) = report.restated
    assert (found.series_id, found.rows) == ("B", 21)
    assert found.factor == pytest.approx(0.2, rel=1e-4)
    assert found.first_time == bars["time"].iloc[0]
    assert source.asked[1:] == [{"B": date(2024, 1, 2)}]  # the whole history, again
    assert lake.table_version(dataset.name, table) == old_version + 1
    stored = observed(lake, dataset, "B")
    expected = until(after, 21).query("series_id == 'B'")
    np.testing.assert_array_equal(stored[PRICES], expected[PRICES])
    before = observed(lake, dataset, "B", version=old_version)
    np.testing.assert_array_equal(before[PRICES], until(bars, 20).query("series_id == 'B'")[PRICES])
    told = lake.read_rows(dataset.name, RESTATEMENTS)
    assert told[["series_id", "old_version", "rows"]].to_numpy().tolist() == [
        ["B", old_version, 21]
    ]
    # The night of the split is no jump beyond the price limit: it is judged on the new basis.
    assert "price_limit" not in report.rules
    assert observed(lake, dataset, "A")["ingest_id"].tolist() == ["night"] * 21 + ["second"]


def test_a_restated_history_that_cannot_be_had_whole_changes_nothing(lake, bars_dataset, bars):
    dataset = bars_dataset(overlap_steps=5, max_failed_share=0.5)
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    after = split(bars, "B", 5)

    class Tired(FakeSource):
        def fetch_rows(self, starts, *, end):
            if len(self.asked) == 1:
                self.reasons = {"B": "B: the host answered 429"}
                self.transient = frozenset({"B"})
            return super().fetch_rows(starts, end=end)

    source = Tired(until(after, 21), whole=False)
    report = ingest_dataset(lake, dataset, source, ingest_id="2", at=evening(bars, 21))

    assert report.failures == {
        "B": "its history has changed, and was not had whole: the host answered 429"
    }
    assert report.transient == {"B"}
    assert len(observed(lake, dataset, "B")) == 21
    assert len(observed(lake, dataset, "A")) == 22
    assert observed(lake, dataset, "B")["close"].tolist() == bars["close"][40:61].tolist()
    assert len(lake.read_rows(dataset.name, RESTATEMENTS)) == 0

    report, _ = night(lake, dataset, until(after, 21), evening(bars, 21))
    assert [found.series_id for found in report.restated] == ["B"]


def test_rows_that_a_restated_source_no_longer_gives_go_to_quarantine(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    after = split(bars, "B", 5)
    window = after[after["time"] >= after["time"].iloc[3]]  # it only keeps so many bars

    report, _ = night(lake, dataset, until(window, 21), evening(bars, 21))

    assert report.observations.deleted == 3
    assert observed(lake, dataset, "B")["time"].min() == bars["time"].iloc[3]
    assert len(observed(lake, dataset, "A")) == 22  # another series keeps its old rows
    held = lake.read_rows(dataset.name, QUARANTINE)
    assert held[["series_id", "rule"]].to_numpy().tolist() == [["B", "restated"]] * 3
    assert held["time"].tolist() == bars["time"].iloc[:3].tolist()
    again, _ = night(lake, dataset, until(window, 21), evening(bars, 21), whole=True)
    assert (again.observations.written, again.observations.deleted, again.quarantined) == (0, 0, 0)


def test_a_restated_history_that_comes_back_short_is_not_taken(lake, bars_dataset, bars):
    dataset = bars_dataset(overlap_steps=5, max_failed_share=0.5)
    night(lake, dataset, until(bars, 30), evening(bars, 30))
    after = split(bars, "B", 5)
    short = after[(after["series_id"] == "A") | (after["time"] >= after["time"].iloc[20])]

    report, _ = night(lake, dataset, until(short, 31), evening(bars, 31))

    assert report.failures == {
        "B": "its history has changed, and the new one lacks 20 of 31 stored steps: it was not "
        "taken, and is asked for again; if its source keeps no more, set start to the first day "
        "that it gives"
    }
    assert report.transient == {"B"}
    assert observed(lake, dataset, "B")["close"].tolist() == bars["close"].iloc[40:71].tolist()
    assert len(lake.read_rows(dataset.name, QUARANTINE)) == 0
    report, _ = night(lake, dataset, until(after, 31), evening(bars, 31))
    assert (report.complete, [found.rows for found in report.restated]) == (True, [31])


def test_a_restated_history_that_begins_at_a_later_start_is_taken(lake, bars_dataset, bars):
    night(lake, bars_dataset(), until(bars, 30), evening(bars, 30))
    after = until(split(bars, "B", 5), 31)
    later = bars_dataset(start=bars["time"].iloc[20].date())
    report, _ = night(lake, later, after, evening(bars, 31))
    assert (report.complete, report.observations.deleted) == (True, 20)
    assert len(lake.read_rows("prices", QUARANTINE)) == 20


def test_a_restated_history_without_the_newest_stored_day_leaves_none_behind(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    after = until(split(bars, "B", 5), 21)
    forgotten = bars["time"].iloc[20]
    after = after[(after["series_id"] == "A") | (after["time"] != forgotten)]

    night(lake, dataset, after, evening(bars, 21))

    closes = observed(lake, dataset, "B")["close"]
    assert len(closes) == 21
    assert closes.max() < 1.3 * closes.min()
    held = lake.read_rows(dataset.name, QUARANTINE)
    assert held[["rule", "time"]].to_numpy().tolist() == [["restated", forgotten]]


def test_rows_that_another_writer_adds_meanwhile_stay_where_a_history_is_restated(
    lake, dataset, bars, monkeypatch
):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    after = split(bars, "B", 5)
    window = until(after[after["time"] >= after["time"].iloc[3]], 21)
    table, merge = observations_table(dataset.columns), type(lake).merge_rows
    newer = until(after, 22).query("series_id == 'B'").tail(1).assign(ingest_id="other")

    def come_second(self, name, table, rows, **more):
        if table.name == "observations":
            monkeypatch.setattr(type(lake), "merge_rows", merge)
            merge(lake, name, table, newer)
        return merge(self, name, table, rows, **more)

    monkeypatch.setattr(type(lake), "merge_rows", come_second)
    report, _ = night(lake, dataset, window, evening(bars, 21))
    assert report.observations.deleted == 3
    kept = lake.read_rows(dataset.name, table, series_ids=["B"])
    assert kept["ingest_id"].iloc[-1] == "other"
    assert len(kept) == 20


def test_what_was_made_on_a_restated_history_is_marked_stale(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    origin = bars["time"].iloc[20]
    made = {"run_id": "r", "model_version": "1", "data_version": 0, "stale": None}
    forecasts = pd.DataFrame(
        {"series_id": ["A", "B"], "origin": origin, "step": 1, "time": bars["time"].iloc[21]}
    ).assign(model="m", value=1.0, lower=0.0, upper=2.0, interval=0.9, last_value=1.0, **made)
    lake.merge_rows(dataset.name, FORECASTS, forecasts)
    scores = pd.DataFrame({"series_id": ["A", "B"], "time": origin, "mode": "causal"}).assign(
        scorer="s", score=1.0, threshold=2.0, feature="close", **made
    )
    lake.merge_rows(dataset.name, SCORES, scores)

    after = split(bars, "B", 5)
    report, _ = night(lake, dataset, until(after, 21), evening(bars, 21), ingest_id="second")

    assert report.stale == 2
    for table in (FORECASTS, SCORES):
        kept = lake.read_rows(dataset.name, table)
        assert kept["stale"].isna().tolist() == [True, False]
        assert kept["stale"][1] == "second"


def test_what_was_made_before_the_first_changed_row_stays_valid(lake, dataset, bars):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    made = {"run_id": "r", "model_version": "1", "data_version": 0, "stale": None}
    times = bars["time"].iloc[[10, 20]]
    scores = pd.DataFrame({"series_id": "A", "time": times, "mode": "causal"}).assign(
        scorer="s", score=1.0, threshold=2.0, feature="close", **made
    )
    lake.merge_rows(dataset.name, SCORES, scores)
    corrected = until(bars, 21).copy()
    corrected.loc[18, ["high", "close"]] += 500
    report, _ = night(lake, dataset, corrected, evening(bars, 21))
    assert [found.rows for found in report.restated] == [1]
    assert lake.read_rows(dataset.name, SCORES)["stale"].isna().tolist() == [True, False]


def test_an_ingest_killed_before_its_new_history_finds_it_again(
    lake, dataset, bars, monkeypatch, tmp_path
):
    after = split(bars, "B", 5)
    whole = type(lake)(str(tmp_path / "whole"))
    for place in (lake, whole):
        night(place, dataset, until(bars, 20), evening(bars, 20))
    with killed_at(monkeypatch, observations_table(dataset.columns)):
        night(lake, dataset, until(after, 21), evening(bars, 21))
    for place in (lake, whole):
        report, _ = night(place, dataset, until(after, 21), evening(bars, 21), ingest_id="last")
        assert [found.rows for found in report.restated] == [21]
    for table in (observations_table(dataset.columns), RESTATEMENTS):
        pd.testing.assert_frame_equal(
            lake.read_rows(dataset.name, table).drop(columns="ingest_id"),
            whole.read_rows(dataset.name, table).drop(columns="ingest_id"),
        )


def test_a_restatement_found_again_after_a_kill_is_written_once(lake, dataset, bars, monkeypatch):
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    after, table = split(bars, "B", 5), observations_table(dataset.columns)
    with killed_at(monkeypatch, table):
        night(lake, dataset, until(after, 21), evening(bars, 21))
    version = lake.table_version(dataset.name, table)
    other = until(bars[bars["series_id"] == "A"], 21)
    lake.merge_rows(dataset.name, table, other)  # another batch, in between
    night(lake, dataset, until(after, 21), evening(bars, 21))
    assert lake.read_rows(dataset.name, RESTATEMENTS)["old_version"].tolist() == [version]
    night(lake, dataset, until(split(bars, "B", 10), 22), evening(bars, 22))
    assert len(lake.read_rows(dataset.name, RESTATEMENTS)) == 2


def test_a_repeated_attempt_tells_of_what_the_one_before_restated(lake, bars_dataset, bars):
    dataset = bars_dataset(overlap_steps=5, max_failed_share=0.0)
    night(lake, dataset, until(bars, 20), evening(bars, 20))
    after = until(split(bars, "B", 5), 21)
    with pytest.raises(IncompleteIngest) as caught:
        night(lake, dataset, after, evening(bars, 21), reasons={"A": "A: 503"}, transient=("A",))
    assert [found.series_id for found in caught.value.report.restated] == ["B"]
    report, source = night(lake, dataset, after, evening(bars, 21))  # the same id, as a retry has
    assert list(source.asked[0]) == ["A"]
    assert [found.series_id for found in report.restated] == ["B"]
