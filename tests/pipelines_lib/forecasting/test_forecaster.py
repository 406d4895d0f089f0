"""From raw observations to forecasts in units, with a network whose answer is known."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.errors import BundleError, ConfigError
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.models import Inputs, Network
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import make_panel
from pipelines_lib.series.scaling import Scaler

NAN = float("nan")


def numbers_of(left_out: dict[str, str]) -> dict[str, list[int]]:
    return {name: [int(n) for n in re.findall(r"\d+", why)] for name, why in left_out.items()}


class Says(Network):
    """A network that gives the same scaled forecast (H,) whatever it sees."""

    def __init__(self, says: list[float]) -> None:
        super().__init__()
        self.says = torch.tensor(says)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        return self.says.expand(len(inputs.past), -1)[..., None]


@pytest.fixture
def constant_forecaster(sine_dataset):
    """Return a factory: a forecaster of the known series A whose network always says `says`."""

    def make(says, *, center=0.0, scale=1.0, width=0.0, features=(), dataset=None, **more):
        config = ForecasterConfig(
            **{
                "lookback": 3,
                "hidden": 2,
                "horizon": len(says),
                "features": list(features),
                "interval_method": "conformal",
                **more,
            }
        )
        n_features = len(features)
        return Forecaster(
            dataset or sine_dataset,
            config,
            ["A"],
            Scaler(np.zeros((1, n_features)), np.ones((1, n_features))),
            Scaler(np.array([[center]]), np.array([[scale]])),
            Says(says).eval(),
            0,
            np.full(config.horizon, width),
            24,
            "2024-01-01T00:00:00.000000",
        )

    return make


def test_forecast_windows_returns_levels_in_units(constant_forecaster, panel_of):
    forecaster = constant_forecaster(
        [1.0, -0.5], center=10.0, scale=4.0, width=0.25, target_kind="level"
    )
    prepared = forecaster.prepare(panel_of({"A": [8.0, 9.0, 10.0, 11.0]}))
    value, lower, upper = forecaster.forecast_windows(prepared, np.array([2, 3]))
    assert value.tolist() == [[14.0, 8.0]] * 2  # 10 + 4 * 1, 10 - 4 * 0.5
    assert lower.tolist() == [[13.0, 7.0]] * 2
    assert upper.tolist() == [[15.0, 9.0]] * 2


def test_forecast_windows_moves_the_last_value_by_the_log_return(constant_forecaster, panel_of):
    forecaster = constant_forecaster(
        [1.0, 2.0], center=0.01, scale=0.1, width=0.5, target_kind="log_return"
    )
    prepared = forecaster.prepare(panel_of({"A": [8.0, 9.0, 100.0, 50.0]}))
    value, lower, upper = forecaster.forecast_windows(prepared, np.array([2, 3]))
    root = np.sqrt([1, 2])  # a return over h steps is learned over the root of h
    grown = np.exp([0.1, 0.2] * root)
    np.testing.assert_allclose(value, [100 * grown, 50 * grown], rtol=1e-6)
    np.testing.assert_allclose(lower, value * np.exp(-0.05 * root), rtol=1e-9)
    np.testing.assert_allclose(upper, value * np.exp(0.05 * root), rtol=1e-9)


def test_forecast_windows_takes_no_window_for_no_answer(constant_forecaster, panel_of):
    forecaster = constant_forecaster([1.0, 2.0])
    prepared = forecaster.prepare(panel_of({"A": [8.0, 9.0, 10.0]}))
    assert [m.shape for m in forecaster.forecast_windows(prepared, np.array([], int))] == [
        (0, 2)
    ] * 3


def test_prepare_scales_a_known_series_as_fitted_and_an_unknown_one_by_its_own(
    constant_forecaster, panel_of
):
    forecaster = constant_forecaster([0.0], center=10.0, scale=4.0, target_kind="level")
    prepared = forecaster.prepare(panel_of({"A": [14.0, 18.0], "Z": [100.0, 300.0]}))
    assert prepared.targets.tolist() == [1.0, 2.0, -1.0, 1.0]
    assert prepared.inputs[:, 0].tolist() == [1.0, 2.0, -1.0, 1.0]
    assert prepared.known_series.tolist() == [0, 0, 1, 1]


def test_prepare_refuses_a_log_return_of_nothing(constant_forecaster, panel_of):
    with pytest.raises(ConfigError, match=r"series A has values <= 0.*target_kind=level"):
        constant_forecaster([0.0]).prepare(panel_of({"A": [1.0, 0.0, 2.0]}))


def test_forecast_next_speaks_of_the_next_steps(constant_forecaster, panel_of):
    forecaster = constant_forecaster([0.0, 1.0], target_kind="level", width=1.0, interval=0.8)
    rows, left_out = forecaster.forecast_next(panel_of({"A": [5.0, 6.0, 7.0, 8.0]}))
    assert left_out == {}
    assert rows.drop(columns=["time", "origin"]).to_dict("list") == {
        "series_id": ["A", "A"],
        "step": [1, 2],
        "value": [0.0, 1.0],
        "lower": [-1.0, 0.0],
        "upper": [1.0, 2.0],
        "interval": [0.8, 0.8],
        "last_value": [8.0, 8.0],
    }
    assert rows["origin"].tolist() == [pd.Timestamp("2024-01-01 03:00", tz="UTC")] * 2
    assert rows["time"].tolist() == list(pd.to_datetime(["2024-01-01 04", "2024-01-01 05"], utc=1))


def test_forecast_next_strides_by_the_sampling_rate(constant_forecaster, panel_of):
    forecaster = constant_forecaster([0.0, 1.0], target_kind="level", sampling_rate=3)
    rows, _ = forecaster.forecast_next(panel_of({"A": np.arange(1.0, 9.0)}))
    hours = rows["time"].dt.hour.tolist()
    assert (rows["origin"].dt.hour.tolist(), hours) == ([7, 7], [10, 13])


def test_forecast_next_skips_holidays(constant_forecaster, make_bars, bars_dataset, krx_calendar):
    dataset = bars_dataset()
    bars = make_bars(["A"], 60)
    bars = bars[bars["time"] <= "2024-02-08"]  # the last session before the Lunar New Year
    panel = make_panel(bars, calendar=krx_calendar, columns=dataset.columns)
    forecaster = constant_forecaster(
        [0.0, 0.0, 0.0], features=["close_return"], dataset=dataset, target_kind="level"
    )
    rows, _ = forecaster.forecast_next(panel)
    assert rows["origin"].dt.strftime("%m-%d").unique().tolist() == ["02-08"]
    assert rows["time"].dt.strftime("%m-%d").tolist() == ["02-13", "02-14", "02-15"]


def test_forecast_next_forecasts_each_series_from_its_own_last_step(constant_forecaster, panel_of):
    forecaster = constant_forecaster([0.0, 0.0], target_kind="level")
    panel = panel_of({"A": [1.0, 2.0, 3.0], "B": [1.0, 2.0, 3.0, 5.0]})
    rows, left_out = forecaster.forecast_next(panel)
    assert left_out == {}
    assert rows["series_id"].tolist() == ["A", "A", "B", "B"]
    assert rows["time"].dt.hour.tolist() == [3, 4, 4, 5]
    assert rows["last_value"].tolist() == [3.0, 3.0, 5.0, 5.0]


def test_forecast_next_leaves_out_a_series_whose_horizon_is_past(constant_forecaster, panel_of):
    forecaster = constant_forecaster([0.0], target_kind="level")
    panel = panel_of({"ended": [1.0, 2.0, 3.0], "on": [1.0, 2.0, 3.0, 4.0]})
    rows, left_out = forecaster.forecast_next(panel)
    assert rows["series_id"].tolist() == ["on"]
    assert "last observed on 2024-01-01" in left_out["ended"]


def test_forecast_next_leaves_out_series_that_are_short_or_broken_near_the_end(
    constant_forecaster, panel_of
):
    forecaster = constant_forecaster([0.0], target_kind="level")
    panel = panel_of(
        {
            "A": [1.0, 2.0, 3.0, 4.0],
            "broken": [1.0, 2.0, 3.0, 4.0, NAN, 6.0, 7.0],
            "mended": [1.0, NAN, 3.0, 4.0, 5.0],
            "short": [1.0, 2.0],
        },
        start={"A": 3, "mended": 2, "short": 5},
    )
    rows, left_out = forecaster.forecast_next(panel)
    assert rows["series_id"].tolist() == ["A", "mended"]
    assert numbers_of(left_out) == {"broken": [2, 3], "short": [2, 3]}  # steps it has, and needs


def test_forecast_next_counts_the_steps_of_a_sparse_window(constant_forecaster, panel_of):
    forecaster = constant_forecaster([0.0], target_kind="level", sampling_rate=4)
    rows, left_out = forecaster.forecast_next(panel_of({"A": np.arange(1.0, 9.0)}))
    assert len(rows) == 0
    assert numbers_of(left_out) == {"A": [2, 3]}  # steps of four rows each


def test_forecast_windows_of_an_origin_does_not_know_what_follows(fitted_forecaster, sine_panel):
    forecaster = fitted_forecaster.forecaster
    origins = np.arange(100, 200)
    future = sine_panel.row_in_series > 200
    changed = replace(
        sine_panel,
        values=np.where(future[:, None], 7 * sine_panel.values + 3, sine_panel.values),
    )
    before = forecaster.forecast_windows(forecaster.prepare(sine_panel), origins)
    after = forecaster.forecast_windows(forecaster.prepare(changed), origins)
    for ours, theirs in zip(before, after, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("target_kind", ["level", "log_return"])
def test_load_bundle_forecasts_bit_for_bit_as_what_was_saved(
    constant_forecaster, fit_sine, sine_panel, tmp_path, target_kind
):
    forecaster = fit_sine(target_kind=target_kind, layers=2, dropout=0.2).forecaster
    forecaster.save_bundle(tmp_path / "bundle")
    loaded = Forecaster.load_bundle(tmp_path / "bundle")
    pd.testing.assert_frame_equal(
        loaded.forecast_next(sine_panel)[0], forecaster.forecast_next(sine_panel)[0], check_exact=1
    )
    assert (loaded.config, loaded.dataset) == (forecaster.config, forecaster.dataset)
    assert loaded.series_ids == ["A", "B", "C", "D"]
    assert loaded.calibrated_until == forecaster.calibrated_until


def test_load_bundle_forecasts_a_series_it_has_never_seen(fit_sine, make_values, tmp_path):
    fitted = fit_sine()
    fitted.forecaster.save_bundle(tmp_path)
    rows = make_values(["NEW"], 100, noise=0.0)
    rows["value"] = 1000 + 50 * (rows["value"] - 10)
    dataset = fitted.forecaster.dataset
    panel = make_panel(rows.iloc[:-5], calendar=make_calendar(dataset), columns=("value",))
    made, left_out = Forecaster.load_bundle(tmp_path).forecast_next(panel)
    assert left_out == {}
    error = np.abs(made["value"].to_numpy() - rows["value"].tail(5).to_numpy()).mean()
    naive = np.abs(made["last_value"].to_numpy() - rows["value"].tail(5).to_numpy()).mean()
    assert error < naive / 2


def test_load_bundle_refuses_a_bundle_of_another_kind(fitted_detector, tmp_path):
    fitted_detector.detector.save_bundle(tmp_path)
    with pytest.raises(BundleError, match="holds a detector, not a forecaster"):
        Forecaster.load_bundle(tmp_path)
