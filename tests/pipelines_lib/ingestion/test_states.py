"""Series that die, are told of once, and come back."""

from datetime import timedelta

import pandas as pd
import pytest

from pipelines_lib.errors import SourceError
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.ingestion.states import read_states
from tests.fakes import FakeSource


@pytest.fixture
def dataset(bars_dataset):
    return bars_dataset(dead_after_steps=20, max_failed_share=0.5)


def night(lake, dataset, source, day, *, ingest_id="any"):
    """Ingest on the evening of a day."""
    at = pd.Timestamp(day).tz_convert("UTC") + timedelta(hours=12)
    return ingest_dataset(lake, dataset, source, ingest_id=ingest_id, at=at.to_pydatetime())


def states(lake, dataset):
    return {name: known.state for name, known in read_states(lake, dataset.name).items()}


def resting(bars, name, since, **columns):
    """Return bars of which one series rests from row `since` on: its close is carried."""
    bars = bars.copy()
    rows = bars.index[bars["series_id"] == name][since:]
    close = bars.loc[rows[0] - 1, "close"]
    bars.loc[rows, ["open", "high", "low", "close"]] = close
    bars.loc[rows, list(columns)] = list(columns.values())
    return bars


def test_a_series_that_moves_is_live(lake, dataset, make_bars):
    bars = make_bars(["A", "B"], 40)
    report = night(lake, dataset, FakeSource(bars, whole=False), bars["time"].max())
    assert states(lake, dataset) == {"A": "live", "B": "live"}
    assert (report.died, report.revived, report.n_dead) == ({}, (), 0)


def test_a_delisted_series_is_reported_once_and_then_left_alone(lake, dataset, make_bars):
    bars = make_bars(["A", "B"], 60)
    times = bars["time"].drop_duplicates().tolist()
    listed = bars[(bars["series_id"] == "A") | (bars["time"] <= times[19])]
    reports = []
    for number in (19, 30, 38, 39, 40, 50):
        until = listed[listed["time"] <= times[number]]
        reasons = {"B": "B: the host answered 404"} if number > 19 else {}
        source = FakeSource(until, reasons=reasons, whole=False)
        reports.append(night(lake, dataset, source, times[number]))

    assert [list(report.failures) for report in reports] == [[], ["B"], ["B"], [], [], []]
    died = [report.died for report in reports]
    assert died[:3] == [*died[4:], {}] == [{}, {}, {}]
    assert list(died[3]) == ["B"]
    assert f"no new row since {times[19]:%Y-%m-%d}" in died[3]["B"]
    assert reports[-1].n_dead == 1
    assert states(lake, dataset) == {"A": "live", "B": "dead"}


def test_a_dead_series_comes_back_by_itself(lake, dataset, make_bars):
    bars = make_bars(["A", "B"], 60)
    times = bars["time"].drop_duplicates().tolist()
    gone = bars[(bars["series_id"] == "A") | (bars["time"] <= times[9])]
    night(lake, dataset, FakeSource(gone[gone["time"] <= times[40]], whole=False), times[40])
    assert states(lake, dataset)["B"] == "dead"

    back = FakeSource(bars[bars["time"] <= times[41]], whole=False)
    report = night(lake, dataset, back, times[41])

    assert report.revived == ("B",)
    assert report.n_dead == 0
    assert states(lake, dataset)["B"] == "live"
    assert night(lake, dataset, back, times[41]).revived == ()


def test_a_series_without_trades_for_months_is_dead(lake, dataset, make_bars):
    bars = resting(make_bars(["A", "B"], 40), "B", 15, volume=0.0)
    times = bars["time"].drop_duplicates().tolist()
    early = night(lake, dataset, FakeSource(bars[bars["time"] <= times[33]]), times[33])
    assert early.died == {}
    report = night(lake, dataset, FakeSource(bars), times[39])
    assert report.died == {"B": f"not traded since {times[14]:%Y-%m-%d}"}


def test_a_series_stuck_on_one_value_is_dead(lake, values_dataset, make_values):
    dataset = values_dataset(dead_after_steps=12)
    values = make_values(["A", "B"], 40)
    stuck = (values["series_id"] == "B") & (values.index % 40 >= 20)
    values.loc[stuck, "value"] = 7.0
    report = night(lake, dataset, FakeSource(values), values["time"].max())
    assert report.died == {"B": "stuck on one value since 2024-01-01"}


def test_a_code_that_never_existed_fails_until_it_counts_as_dead(lake, dataset, make_bars):
    bars = make_bars(["A"], 60)
    times = bars["time"].tolist()
    told = []
    for number in (10, 29, 30, 31):
        until = bars[bars["time"] <= times[number]]
        source = FakeSource(until, reasons={"TYPO": "TYPO: it does not know"}, whole=False)
        report = night(lake, dataset, source, times[number])
        told.append((list(report.failures), list(report.died)))
    assert told == [(["TYPO"], []), (["TYPO"], []), ([], ["TYPO"]), ([], [])]


def test_dead_series_do_not_count_towards_the_tolerance(lake, bars_dataset, make_bars):
    dataset = bars_dataset(dead_after_steps=20, max_failed_share=0.0)
    bars = make_bars(["A", "B"], 60)
    times = bars["time"].drop_duplicates().tolist()
    gone = bars[(bars["series_id"] == "A") | (bars["time"] <= times[9])]
    night(lake, dataset, FakeSource(gone[gone["time"] <= times[40]]), times[40])
    source = FakeSource(gone, reasons={"B": "B: 404"}, whole=False)
    assert night(lake, dataset, source, times[41]).failures == {}


def test_a_series_that_fails_does_not_count_as_live(lake, bars_dataset, make_bars):
    dataset = bars_dataset(max_failed_share=0.4)
    bars = make_bars(["A", "B"], 10)
    source = FakeSource(bars, reasons={"B": "B: timeout"}, transient=("B",), whole=False)
    with pytest.raises(SourceError) as caught:
        night(lake, dataset, source, bars["time"].max())
    assert caught.value.transient
    assert caught.value.report.failures == {"B": "timeout"}
    assert states(lake, dataset) == {"A": "live", "B": "failing"}


def test_dead_after_steps_of_zero_declares_nothing_dead(lake, bars_dataset, make_bars):
    dataset = bars_dataset(dead_after_steps=0)
    bars = resting(make_bars(["A"], 300), "A", 5, volume=0.0)
    assert night(lake, dataset, FakeSource(bars), bars["time"].max()).died == {}


def test_a_failure_of_a_live_series_does_not_wake_a_dead_one(lake, dataset, make_bars):
    bars = make_bars(["A", "B"], 60)
    times = bars["time"].drop_duplicates().tolist()
    gone = bars[(bars["series_id"] == "A") | (bars["time"] <= times[9])]
    night(lake, dataset, FakeSource(gone[gone["time"] <= times[40]], whole=False), times[40])
    late = FakeSource(gone, reasons={"A": "A: timeout"}, transient=("A",), whole=False)
    report = night(lake, dataset, late, times[41])
    assert (report.revived, report.died, report.n_dead) == ((), {}, 1)
    assert report.failures == {"A": "timeout"}
    assert not any("no series" in warning for warning in report.warnings)


def test_a_source_of_one_series_that_stops_is_told_of_every_night(lake, bars_dataset, make_bars):
    dataset = bars_dataset(dead_after_steps=20, max_failed_share=1.0)
    bars = make_bars(["A"], 60)
    times = bars["time"].tolist()
    source = FakeSource(bars[bars["time"] <= times[9]], whole=False)
    night(lake, dataset, source, times[9])
    for number in (40, 41):
        report = night(lake, dataset, source, times[number])
        assert report.died == {}
        assert "no series of prices has had a new row" in report.warnings[0]
    down = FakeSource(bars, reasons={"A": "A: 429"}, transient=("A",), whole=False)
    assert night(lake, dataset, down, times[42]).failures == {"A": "429"}


def test_a_halted_series_with_a_missing_session_is_dead_all_the_same(lake, dataset, make_bars):
    bars = resting(make_bars(["A", "B"], 50), "B", 15, volume=0.0)
    times = bars["time"].drop_duplicates().tolist()
    bars = bars[(bars["series_id"] == "A") | ~bars["time"].isin(times[20::9])]
    report = night(lake, dataset, FakeSource(bars), times[49])
    assert list(report.died) == ["B"]


def test_steps_shorter_than_a_day_never_kill_a_series_unless_asked(lake, values_dataset):
    assert values_dataset().dead_after == 0
    assert values_dataset(step_minutes=1440).dead_after == 60
    assert values_dataset(dead_after_steps=5).dead_after == 5


def test_a_series_that_vanishes_from_its_files_is_told_of(lake, bars_dataset, make_bars):
    dataset = bars_dataset(source={"kind": "files", "path": "prices.csv"}, max_failed_share=0.5)
    bars = make_bars(["A", "B"], 40)
    night(lake, dataset, FakeSource(bars), bars["time"].max())
    only = FakeSource(bars[bars["series_id"] == "A"])
    report = night(lake, dataset, only, bars["time"].max())
    assert report.failures == {"B": "no rows from the start to now"}


def test_a_source_that_stopped_is_not_taken_for_dead_series(lake, dataset, make_bars):
    bars = make_bars(["A", "B"], 60)
    times = bars["time"].drop_duplicates().tolist()
    source = FakeSource(bars[bars["time"] <= times[9]], whole=False)
    night(lake, dataset, source, times[9])
    report = night(lake, dataset, source, times[50])
    assert (report.died, report.n_dead) == ({}, 0)
    assert f"no series of prices has had a new row since {times[9]:%Y-%m-%d}" in report.warnings[0]

    down = FakeSource(bars, reasons={"A": "A: 404", "B": "B: 404"}, whole=False)
    with pytest.raises(SourceError, match="2 of 2 series"):  # night after night, never quiet
        night(lake, dataset, down, times[51])
    assert states(lake, dataset) == {"A": "failing", "B": "failing"}


def test_files_that_ended_long_ago_are_not_dead_altogether(lake, dataset, make_bars):
    bars = make_bars(["A", "B"], 40)
    report = night(lake, dataset, FakeSource(bars), pd.Timestamp("2025-06-02", tz="UTC"))
    assert report.died == {}


def test_states_make_no_new_version_while_nothing_changes(lake, dataset, make_bars):
    from pipelines_lib.tables import SERIES_STATES

    bars = make_bars(["A", "B"], 40)
    source = FakeSource(bars, whole=False)
    night(lake, dataset, source, bars["time"].max(), ingest_id="first")
    before = lake.table_version(dataset.name, SERIES_STATES)
    night(lake, dataset, source, bars["time"].max(), ingest_id="second")
    assert lake.table_version(dataset.name, SERIES_STATES) == before
