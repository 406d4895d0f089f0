"""A night gathered from the lake."""

import shutil
from datetime import UTC, datetime

import pandas as pd
import pytest

from pipelines_lib.ingestion import IngestReport, Restatement
from pipelines_lib.lake import Lake, MergeCounts
from pipelines_lib.reports.html import render_html
from pipelines_lib.reports.night import draw_forecasts, summarise_night
from pipelines_lib.reports.night_events import read_night_events
from pipelines_lib.reports.night_markdown import to_markdown
from pipelines_lib.tables import FORECASTS, observations_table

DAY = datetime(2024, 1, 2, tzinfo=UTC)
INGESTED = IngestReport(
    "sensors",
    n_series=4,
    asked=3,
    fetched=100,
    observations=MergeCounts(inserted=60, updated=10, unchanged=28),
    quarantined=2,
    rules={"stale_repeat": 7, "open_session": 1, "not_finite": 2},
    examples={"stale_repeat": "A 2024-01-18 11:00", "not_finite": "B 2024-01-03"},
    failures={"X": "gone"},
    restated=tuple(Restatement(f"S{i}", DAY, DAY, 9, 0.02, 0.02, 0.02) for i in range(40)),
    stale=123,
    died={"D": "no new row since 2023-01-01"},
    revived=("R",),
    n_dead=5,
    warnings=("the listing is old",),
)


@pytest.fixture
def summarise(lived_lake, sine_dataset):
    def make(lake=lived_lake, forecaster="f", detector="d", new=(), words=None):
        events = read_night_events(lake, sine_dataset, detector=detector, mode="causal", new=new)
        return summarise_night(
            lake,
            sine_dataset,
            ingested=INGESTED,
            models=[],
            forecaster=forecaster,
            events=events,
            words=words or {},
            skipped=["nothing to train"],
            left_out={"Y": "short"},
            seconds={"ingest": 1.0},
            warnings=INGESTED.warnings,
        )

    return make


def test_summarise_night_counts_what_the_lake_holds(summarise):
    night, _ = summarise()
    assert (night.n_series, night.total_rows) == (4, 4 * 420)
    assert night.newest == "2024-01-18 11:00"
    assert night.repaired == {"halted": 17}
    assert night.quarantined == {"not_finite": 2, "duplicate": 1}
    assert (night.fetched, night.inserted, night.updated, night.unchanged) == (100, 60, 10, 28)
    assert night.quarantined_new == 2
    assert (night.failures, night.left_out) == ({"X": "gone"}, {"Y": "short"})
    assert (night.unit, night.target) == ("degC", "value")


def test_summarise_night_tells_what_the_ingest_knows(summarise):
    night, _ = summarise()
    assert [(r.rule, r.action, r.rows, r.example) for r in night.rules] == [
        ("open_session", "postpone", 1, ""),
        ("not_finite", "quarantine", 2, "B 2024-01-03"),
        ("stale_repeat", "warn", 7, "A 2024-01-18 11:00"),
    ]
    assert night.rules[1].reason == "a value is missing or not finite"
    assert (night.asked, night.up_to_date) == (3, 1)
    assert (night.n_restated, night.n_stale) == (40, 123)
    assert len(night.restated) == 30
    assert night.restated[0].startswith("S0: 9 stored rows from 2024-01-02 to 2024-01-02 changed")
    assert (night.died, night.revived) == ({"D": "no new row since 2023-01-01"}, ["R"])
    assert (night.n_dead, night.warnings) == (5, ["the listing is old"])


@pytest.fixture
def restated_lake(lived_lake, tmp_path):
    """Return a copy of the lake in which the forecasts of A, and all old ones, are stale."""
    lake = Lake(str(tmp_path / "restated"))
    shutil.copytree(lived_lake.uri, lake.uri)
    made = lake.read_rows("sensors", FORECASTS)
    old = made["origin"] == made["origin"].min()
    lake.merge_rows("sensors", FORECASTS, made[old].assign(stale="restated"))
    newest_of_a = made[(made["series_id"] == "A") & ~old]
    lake.merge_rows("sensors", FORECASTS, newest_of_a.assign(stale="restated"))
    return lake


def test_summarise_night_ignores_stale_forecasts(summarise, restated_lake):
    night, forecasts = summarise(restated_lake)
    assert [line.series_id for line in night.forecasts] == ["B", "C", "D"]
    assert night.n_forecast_series == 3
    assert forecasts["stale"].isna().all()
    assert night.realised is None  # of those that came true, all are stale


def test_summarise_night_shows_the_newest_forecasts_only(summarise, lived_lake):
    night, forecasts = summarise()
    assert (night.n_forecast_series, night.interval_pct) == (4, 90.0)
    assert len(forecasts) == 4 * 5
    line = night.forecasts[0]
    assert (line.series_id, line.last_time) == ("A", "2024-01-18 11:00")
    assert line.times[0] == "2024-01-18 12:00"
    stored = lived_lake.read_rows("sensors", FORECASTS, series_ids=["A"]).tail(5)
    assert line.values == stored["value"].tolist()
    assert line.last_value == stored["last_value"].iloc[0]


def test_summarise_night_joins_earlier_forecasts_with_what_came_true(
    summarise, lived_lake, sine_rows
):
    night, _ = summarise()
    made = lived_lake.read_rows("sensors", FORECASTS, equal={"model": "f"})
    earlier = made[made["origin"] == made["origin"].min()]
    actual = sine_rows.set_index(["series_id", "time"])["value"]
    truth = actual.loc[list(zip(earlier["series_id"], earlier["time"], strict=True))].to_numpy()
    assert night.realised.n == 20
    assert night.realised.mae == pytest.approx((earlier["value"] - truth).abs().mean())
    assert night.realised.last_value_mae == pytest.approx(
        (earlier["last_value"] - truth).abs().mean()
    )
    within = (earlier["lower"] <= truth) & (truth <= earlier["upper"])
    assert night.realised.coverage_pct == pytest.approx(100 * within.mean())
    assert night.realised.interval_pct == 90.0


def test_summarise_night_lists_the_newest_events_first_and_counts_the_new(summarise):
    night, _ = summarise(new=["e2", "e4"], words={"e4": "so it was"})
    assert [(e.event_id, e.new) for e in night.events] == [
        ("e4", True), ("e3", False), ("e2", True), ("e1", False),
    ]  # fmt: skip
    assert (night.n_events, night.n_new_events, night.n_alerts) == (4, 2, 1)
    assert night.words == {"e4": "so it was"}


def test_summarise_night_of_an_empty_lake(summarise, lake):
    night, forecasts = summarise(lake)
    assert (night.newest, night.n_series, night.total_rows) == ("no data", 0, 0)
    assert (night.forecasts, night.events, night.realised) == ([], [], None)
    assert len(forecasts) == 0
    assert "no data" in to_markdown(night)


def test_summarise_night_without_models_shows_none_of_theirs(summarise):
    night, _ = summarise(forecaster="", detector="")
    assert (night.forecasts, night.events, night.realised) == ([], [], None)


def test_draw_forecasts_draws_a_picture_of_a_few_series(summarise, lived_lake, sine_dataset):
    night, rows = summarise()
    section = draw_forecasts(lived_lake, sine_dataset, rows)
    assert len(section.pictures) == 4
    for picture in section.pictures:
        assert picture.source.startswith("data:image/png;base64,")
    page = render_html(night, [section], events=section.pictures[:2], made_at="now")
    assert page.count("<figure>") == 4 + 2


def test_draw_forecasts_draws_those_that_move_most_first(summarise, lived_lake, sine_dataset):
    _, rows = summarise()
    moved = ((rows["value"] - rows["last_value"]).abs() / rows["last_value"]).groupby(
        rows["series_id"]
    )
    expected = moved.max().sort_values(ascending=False).index.tolist()
    section = draw_forecasts(lived_lake, sine_dataset, rows)
    assert [picture.caption[0] for picture in section.pictures] == expected


def test_draw_forecasts_of_nothing(summarise, lake, sine_dataset):
    _, rows = summarise(lake)
    assert list(draw_forecasts(lake, sine_dataset, rows).pictures) == []


def test_summarise_night_tells_days_as_dates(lake, make_bars, bars_dataset):
    dataset = bars_dataset()
    bars = make_bars(["A"], 5)
    lake.merge_rows("prices", observations_table(dataset.columns), bars)
    night, _ = summarise_night(
        lake,
        dataset,
        ingested=INGESTED,
        models=[],
        forecaster="f",
        events=read_night_events(lake, dataset, detector="d", mode="causal", new=[]),
        words={},
        skipped=[],
        left_out={},
        seconds={},
    )
    assert night.newest == f"{pd.Timestamp(bars['time'].max()):%Y-%m-%d}"
