"""Raw rows in, forecasts or scores out."""

import numpy as np
import pandas as pd
import pytest
import torch

from pipelines_lib.config import ForecasterConfig, TrainingConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.predict import example_rows, make_raw_panel, predict_rows
from pipelines_lib.series.panel import make_panel


@pytest.fixture(scope="module")
def bars_panel(make_bars, bars_dataset, krx_calendar):
    bars = make_bars(["A", "B"], 300, start="2023-01-02")
    return make_panel(bars, calendar=krx_calendar, columns=bars_dataset().columns)


@pytest.fixture(scope="module")
def bars_forecaster(bars_panel, bars_dataset, forecaster_config):
    config = ForecasterConfig(
        lookback=10,
        hidden=4,
        features=["close_return", "volume_change"],
        split=forecaster_config.split,
        training=TrainingConfig(max_epochs=1),
    )
    return fit_forecaster(
        bars_panel, dataset=bars_dataset(), config=config, device=torch.device("cpu")
    ).forecaster


@pytest.fixture
def raw_bars(make_bars):
    """Return raw bars as a source gives them: no repair, no ingest id."""
    return make_bars(["A", "B"], 40).drop(columns=["repair", "ingest_id"])


@pytest.fixture
def raw_values(sine_rows):
    return sine_rows[["series_id", "time", "value"]]


def test_predict_rows_forecasts_as_the_forecaster_does(fitted_forecaster, sine_panel, raw_values):
    made = predict_rows(fitted_forecaster.forecaster, raw_values)
    ours, _ = fitted_forecaster.forecaster.forecast_next(sine_panel)
    assert made["value"].tolist() == ours["value"].tolist()
    assert made["time"].dt.tz is None
    assert made["origin"].dt.tz is None
    assert (made["time"] == ours["time"].dt.tz_localize(None)).all()


def test_predict_rows_scores_what_follows_the_calibration(fitted_detector, sine_panel, raw_values):
    detector = fitted_detector.detector
    made = predict_rows(detector, raw_values)
    ours, _ = detector.score_rows(sine_panel)
    assert made["score"].tolist() == ours["score"].tolist()
    assert len(made) == 4 * 61
    assert (made["anomalous"] == (made["score"] > made["threshold"])).all()
    assert made["time"].dt.tz is None
    assert made["time"].min() == pd.Timestamp(detector.calibrated_until) + pd.Timedelta(hours=1)


def test_predict_rows_refuses_rows_that_a_detector_has_learned_from(fitted_detector, raw_values):
    early = raw_values[raw_values["time"] <= raw_values["time"].min() + pd.Timedelta(hours=200)]
    with pytest.raises(SeriesError, match="the detector has learned from all up to 2024-01-15"):
        predict_rows(fitted_detector.detector, early)


def test_predict_rows_says_why_no_series_can_be_scored(fitted_detector, raw_values):
    few = raw_values[raw_values["series_id"] == "A"].tail(50).assign(series_id="NEW")
    with pytest.raises(
        SeriesError, match=r"NEW: new to the detector: it has 50 complete steps.*: give more rows"
    ):
        predict_rows(fitted_detector.detector, few)


def test_predict_rows_takes_rows_in_any_order_with_other_columns(bars_forecaster, raw_bars):
    shuffled = raw_bars.sample(frac=1, random_state=0).assign(note="x")
    shuffled = shuffled[sorted(shuffled.columns)]
    pd.testing.assert_frame_equal(
        predict_rows(bars_forecaster, shuffled), predict_rows(bars_forecaster, raw_bars)
    )


@pytest.mark.parametrize(
    "retime",
    [
        lambda time: time.dt.tz_localize(None),
        lambda time: time.dt.tz_convert("Asia/Seoul"),
        lambda time: time.dt.strftime("%Y-%m-%d"),
        lambda time: time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda time: time.astype("datetime64[ns, UTC]"),
        lambda time: time.dt.tz_localize(None).dt.to_pydatetime().tolist(),
    ],
    ids=["naive", "seoul", "date text", "iso text", "nanoseconds", "datetime objects"],
)
def test_predict_rows_takes_times_in_any_form(bars_forecaster, raw_bars, retime):
    expected = predict_rows(bars_forecaster, raw_bars)
    made = predict_rows(bars_forecaster, raw_bars.assign(time=retime(raw_bars["time"])))
    pd.testing.assert_frame_equal(made, expected)


def test_predict_rows_takes_whole_numbers(bars_forecaster, raw_bars):
    whole = raw_bars.astype(dict.fromkeys(["open", "high", "low", "close", "volume"], "int64"))
    pd.testing.assert_frame_equal(
        predict_rows(bars_forecaster, whole), predict_rows(bars_forecaster, raw_bars)
    )


def test_predict_rows_repairs_a_halt_as_the_lake_does(bars_forecaster, raw_bars):
    halted = raw_bars.copy()
    last = halted.index[halted["series_id"] == "A"][-1]
    close = halted.loc[last - 1, "close"]
    halted.loc[last, ["open", "high", "low", "volume"]] = 0.0
    halted.loc[last, "close"] = close
    made = predict_rows(bars_forecaster, halted)
    assert made.loc[made["series_id"] == "A", "last_value"].tolist() == [close] * 5
    panel = make_raw_panel(halted, bars_forecaster.dataset)
    assert panel.values[39].tolist() == [close, close, close, close, 0.0]


def test_predict_rows_takes_no_bad_row(bars_forecaster, raw_bars):
    bad = raw_bars.copy()
    last = bad.index[bad["series_id"] == "A"][-1]
    bad.loc[last, "close"] = -5.0
    without = raw_bars.drop(index=last)
    pd.testing.assert_frame_equal(
        predict_rows(bars_forecaster, bad), predict_rows(bars_forecaster, without)
    )


def test_predict_rows_forecasts_an_unknown_series(bars_forecaster, raw_bars):
    renamed = raw_bars.assign(series_id=raw_bars["series_id"].replace({"A": "NEW"}))
    made = predict_rows(bars_forecaster, renamed)
    assert made["series_id"].unique().tolist() == ["B", "NEW"]
    assert np.isfinite(made[["value", "lower", "upper"]].to_numpy()).all()


def test_predict_rows_names_missing_columns(bars_forecaster, raw_bars):
    with pytest.raises(SeriesError, match="the rows lack time, close: a model of dataset prices"):
        predict_rows(bars_forecaster, raw_bars.drop(columns=["close", "time"]))


def test_predict_rows_says_how_many_rows_it_needs(bars_forecaster, raw_bars):
    few = raw_bars[raw_bars["series_id"] == "A"].tail(5)
    with pytest.raises(SeriesError, match=r"no series can be predicted; A: .*10: give more rows"):
        predict_rows(bars_forecaster, few)


def test_predict_rows_refuses_no_rows(bars_forecaster, raw_bars):
    with pytest.raises(SeriesError, match="no observations"):
        predict_rows(bars_forecaster, raw_bars.iloc[:0])


def test_predict_rows_refuses_rows_whose_times_cannot_be_read(bars_forecaster, raw_bars):
    with pytest.raises(SeriesError, match="no observations"):
        predict_rows(bars_forecaster, raw_bars.assign(time="not a time"))


def test_predict_rows_forecasts_what_it_can(bars_forecaster, raw_bars):
    some = raw_bars[(raw_bars["series_id"] == "B") | (raw_bars.index >= 37)]
    made = predict_rows(bars_forecaster, some)
    assert made["series_id"].unique().tolist() == ["B"]


def test_predict_rows_leaves_its_input_alone(bars_forecaster, raw_bars):
    before = raw_bars.copy()
    predict_rows(bars_forecaster, raw_bars)
    pd.testing.assert_frame_equal(raw_bars, before)


def test_example_rows_are_rows_that_a_model_takes(bars_forecaster, bars_panel):
    rows = example_rows(bars_panel, steps=12)
    assert rows.columns.tolist() == ["series_id", "time", *bars_panel.columns]
    assert len(rows) == 12
    assert predict_rows(bars_forecaster, rows)["series_id"].unique().tolist() == ["A"]


def test_example_rows_take_the_first_whole_series(panel_of):
    nan = float("nan")
    panel = panel_of({"A": [1.0, nan, 3.0], "B": [4.0], "C": [5.0, 6.0, 7.0]})
    assert example_rows(panel, steps=3)["value"].tolist() == [5.0, 6.0, 7.0]


def test_example_rows_take_the_newest_run_that_is_long_enough(panel_of):
    nan = float("nan")
    panel = panel_of({"A": [1.0, 2.0, 3.0, nan, 5.0, nan], "B": [6.0, nan, 7.0]})
    assert example_rows(panel, steps=2)["value"].tolist() == [2.0, 3.0]


def test_example_rows_take_the_longest_run_where_none_is_long_enough(panel_of):
    panel = panel_of({"A": [1.0, float("nan"), 3.0], "B": [4.0, 5.0]})
    assert example_rows(panel, steps=3)["value"].tolist() == [4.0, 5.0]
