"""The nightly flow on real tables, a real MLflow store and a real Prefect server."""

import re
from datetime import date

import mlflow
import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable
from prefect.client.orchestration import get_client

from flows.ingest import ingest
from flows.maintain import maintain
from flows.nightly import nightly
from flows.train_detector import train_detector
from flows.train_forecaster import train_forecaster
from pipelines_lib.config import (
    DatasetConfig,
    DetectorConfig,
    ForecasterConfig,
    SourceConfig,
    SplitConfig,
    ThresholdConfig,
    TrainingConfig,
)
from pipelines_lib.errors import ConfigError, LakeError, SeriesError, SourceError
from pipelines_lib.forecasting.nights import PERSON, read_nights
from pipelines_lib.forecasting.presence import find_absent_forecasts
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.tables import EVENTS, FORECASTS, INGESTS, SCORES, dataset_tables

SPLIT = SplitConfig(validation_steps=30, calibration_steps=40, test_steps=40)
TRAINING = TrainingConfig(max_epochs=2, batch_size=64)
BRIEF = TrainingConfig(max_epochs=1, windows_per_epoch=2000, batch_size=64)
FORECASTER = ForecasterConfig(lookback=10, horizon=3, hidden=8, split=SPLIT, training=TRAINING)
DETECTOR = DetectorConfig(
    lookback=10,
    hidden=8,
    threshold=ThresholdConfig(kind="quantile", quantile=0.98),
    split=SPLIT,
    training=BRIEF,
)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory):
    """Run the first night once: its home folder, and what it said."""
    home = tmp_path_factory.mktemp("first") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWATCH_HOME", str(home))
        yield home, run_nightly(market())


def market(**changes):
    source = SourceConfig(kind="synthetic-market", n_series=4, n_steps=320, seed=3)
    return DatasetConfig(name="market", source=source, **changes)


def sessions(count):
    """Return the last `count` session dates of the market."""
    calendar = make_calendar(market())
    first = np.searchsorted(calendar.sessions, np.datetime64("2022-01-03"))
    dates = calendar.sessions[first + 320 - count : first + 320]
    return [pd.Timestamp(date).date() for date in dates]


def run_nightly(dataset):
    return nightly(dataset, forecaster=FORECASTER, detector=DETECTOR)


def snapshot(home, columns):
    """Return version and rows of every table."""
    lake = Lake(str(home / "lake"))
    return {
        table.name: (
            lake.table_version("market", table),
            lake.read_rows("market", table).to_csv(),
        )
        for table in dataset_tables(columns)
    }


def test_nightly_fills_every_table_and_reports(first_night):
    home, night = first_night
    lake = Lake(str(home / "lake"))
    forecasts = lake.read_rows("market", FORECASTS)
    assert forecasts.groupby("series_id")["step"].agg(list).tolist() == [[1, 2, 3]] * 4
    assert np.isfinite(forecasts[["value", "lower", "upper"]]).all(axis=None)
    assert (forecasts["lower"] < forecasts["value"]).all()
    assert (forecasts["value"] < forecasts["upper"]).all()
    assert len(lake.read_rows("market", SCORES)) > 0
    assert night.n_forecast_series == 4
    assert night.repaired["halted"] > 0
    assert night.quarantined == {"price_order": 1}
    assert {model.task for model in night.models} == {"forecast", "detect"}
    assert night.n_events == len(lake.read_rows("market", EVENTS))
    page = (home / "reports" / "market" / f"{night.newest}.html").read_text(encoding="utf-8")
    assert "SYN001" in page
    assert not re.search(r'(src|href)="https?://', page)


def test_nightly_notes_what_it_owes_and_it_stands(first_night):
    home, night = first_night
    lake = Lake(str(home / "lake"))
    [noted] = read_nights(lake, "market")
    assert f"{noted.time:%Y-%m-%d}" == night.newest
    assert (noted.model, noted.model_version, noted.horizon) == ("market-forecaster", "1", 3)
    assert noted.expected == ("SYN001", "SYN002", "SYN003", "SYN004")
    assert (noted.left_out, noted.started_by) == ({}, PERSON)
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(noted.flow_run_id).name.startswith("nightly market 20")
    assert find_absent_forecasts(lake, "market", origin=noted.time, night=noted) == []


def test_nightly_forecasts_speak_of_the_calendars_next_sessions(first_night):
    home, _ = first_night
    forecasts = Lake(str(home / "lake")).read_rows("market", FORECASTS, series_ids=["SYN001"])
    calendar = make_calendar(market())
    origin = np.searchsorted(calendar.sessions, np.datetime64(forecasts["origin"].iloc[0].date()))
    expected = [pd.Timestamp(t).date() for t in calendar.sessions[origin + 1 : origin + 4]]
    assert [time.date() for time in forecasts["time"]] == expected


def test_nightly_rows_name_the_run_and_version_that_made_them(first_night):
    home, _ = first_night
    forecasts = Lake(str(home / "lake")).read_rows("market", FORECASTS)
    client = mlflow.MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    champion = client.get_model_version_by_alias("market-forecaster", "champion")
    assert set(forecasts["run_id"]) == {champion.run_id}
    assert set(forecasts["model_version"]) == {str(champion.version)}
    run = client.get_run(champion.run_id)
    assert run.data.params["horizon"] == "3"
    assert run.data.params["training.seed"] == "0"
    for tag in ("data.digest", "data.observations_version", "code_version", "promotion.reason"):
        assert run.data.tags[tag]
    for metric in ("mae", "last_value_mae", "drift_mae", "seasonal_naive_mae", "skill_pct",
                   "dm_p_vs_last_value"):  # fmt: skip
        assert np.isfinite(run.data.metrics[metric])
    names = {f.path for f in client.list_artifacts(run.info.run_id, "figures")}
    assert {"figures/losses.png", "figures/error_by_horizon.png", "figures/forecast_1.png"} <= names
    assert len(client.get_metric_history(run.info.run_id, "train_loss")) == 2


def test_nightly_leaves_a_markdown_artifact(first_night):
    with get_client(sync_client=True) as client:
        artifacts = client.read_latest_artifacts()
    night = [a for a in artifacts if a.key == "night-market"]
    assert "MASE" in night[0].data
    assert "| SYN001 |" in night[0].data


def test_nightly_twice_changes_no_row_and_says_what_it_skipped(first_night, monkeypatch):
    home, _ = first_night
    monkeypatch.setenv("TIDEWATCH_HOME", str(home))
    dataset = market()
    before = snapshot(home, dataset.columns)

    night = run_nightly(dataset)

    assert snapshot(home, dataset.columns) == before
    assert night.inserted == night.updated == night.n_new_events == 0
    said = " ".join(night.skipped)
    for expected in (
        "in the lake already",
        "market-forecaster has a champion",
        "forecasts by",
        "scores by",
    ):
        assert expected in said


def test_nightly_again_makes_up_for_forecasts_that_do_not_stand(first_night, monkeypatch):
    home, _ = first_night
    monkeypatch.setenv("TIDEWATCH_HOME", str(home))
    lake = Lake(str(home / "lake"))
    before = lake.read_rows("market", FORECASTS).to_csv()
    table = DeltaTable(str(home / "lake/market/forecasts"))
    table.delete("series_id = 'SYN002'")
    table.update(updates={"upper": "arrow_cast('NaN', 'Float64')"}, predicate="step = 2")

    run_nightly(market())

    assert lake.read_rows("market", FORECASTS).to_csv() == before


def test_training_again_makes_a_challenger_with_a_reason(first_night, monkeypatch):
    home, _ = first_night
    monkeypatch.setenv("TIDEWATCH_HOME", str(home))
    again = train_forecaster("market", FORECASTER)
    assert again.alias == "challenger"
    assert "does not beat the champion" in again.reason
    again = train_detector("market", DETECTOR.model_copy(update={"hidden": 1}))
    assert again.version == "2"


def test_training_of_a_naive_model_registers_it_without_losses(first_night, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(first_night[0]))
    naive = train_forecaster("market", FORECASTER.model_copy(update={"model": "drift"}))
    assert naive.alias == "challenger"
    figures = {
        artifact.path for artifact in mlflow.MlflowClient().list_artifacts(naive.run_id, "figures")
    }
    assert "figures/error_by_horizon.png" in figures
    assert "figures/losses.png" not in figures


@pytest.mark.slow
def test_nightly_night_after_night_equals_one_night_and_judges_old_forecasts(home):
    *earlier, last = sessions(3)
    for day in earlier:
        night = run_nightly(market(end=day))
    assert night.newest == str(earlier[-1])

    night = run_nightly(market(end=last))

    assert night.inserted == 4
    assert (
        night.realised.n == (2 + 1) * 4
    )  # two steps of the oldest forecasts came true, one of the next
    lake = Lake(str(home / "lake"))
    forecasts = lake.read_rows("market", FORECASTS)
    assert forecasts.groupby("series_id")["origin"].nunique().tolist() == [3] * 4
    scored = lake.last_times("market", SCORES, equal={})
    assert {str(time.date()) for time in scored} == {str(last)}


def test_ingest_stores_the_good_and_fails_past_the_tolerance(home, tmp_path):
    folder = tmp_path / "bars"
    folder.mkdir()
    rows = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,12,9,11,100\n"
    (folder / "AAA.csv").write_text(rows, encoding="utf-8")
    (folder / "BBB.csv").write_text("Date,Open\n2024-01-02,10\n", encoding="utf-8")
    source = SourceConfig(kind="files", path=str(folder))
    dataset = DatasetConfig(name="bars", source=source, max_failed_share=0.1)
    with pytest.raises(SourceError, match=r"1 of 2 series .* BBB"):
        ingest(dataset)
    stored = Lake(str(home / "lake")).read_rows("bars", INGESTS)
    assert stored["series_id"].tolist() == ["AAA"]

    report = ingest(dataset.model_copy(update={"max_failed_share": 0.5})).report
    assert list(report.failures) == ["BBB"]


def test_ingest_refuses_an_unknown_series_by_name(home):
    with pytest.raises(SourceError, match="NOPE"):
        ingest(market(series_ids=["NOPE"]))


def test_ingest_of_an_empty_range_names_the_range(home):
    with pytest.raises(SourceError, match="2031-01-01"):
        ingest(market(start=date(2031, 1, 1)))


def test_nightly_with_too_little_history_says_what_it_needs(home):
    source = SourceConfig(kind="synthetic-market", n_series=2, n_steps=100, seed=3)
    with pytest.raises(SeriesError, match=r"too little history.*lookback \+ horizon need 13"):
        run_nightly(DatasetConfig(name="short", source=source))


def test_ingest_refuses_another_declaration_of_a_dataset(home):
    ingest(market())
    with pytest.raises(ConfigError, match="declared with unit='KRW'"):
        ingest(market(unit="USD"))


def test_training_refuses_a_dataset_that_nobody_ingested(home):
    with pytest.raises(LakeError, match="ingest it first"):
        train_forecaster("nowhere", FORECASTER)


def test_maintain_keeps_the_rows(home):
    for day in sessions(2):
        ingest(market(end=day))
    lake, table = Lake(str(home / "lake")), dataset_tables(market().columns)[0]
    before = lake.read_rows("market", table).to_csv()
    done = maintain(keep_hours=1)
    assert set(done) == {"market"}
    assert lake.read_rows("market", table).to_csv() == before
