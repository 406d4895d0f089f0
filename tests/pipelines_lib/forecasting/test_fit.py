"""Fitting: learns what can be learned, from the past only, and is honest about the rest."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines_lib.config import ForecasterConfig, SplitConfig, TrainingConfig
from pipelines_lib.errors import ConfigError, SeriesError
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import make_panel

NAN = float("nan")
# The parts of 420 steps, with a gap of the horizon (5) between: train until step 254,
# validation 260-289, calibration 295-354, test 360-419.
LAST_TRAINING, FIRST_TEST = 254, 360


def changed_after(panel, step):
    """Return the panel with every value of every series changed after a step."""
    later = panel.row_in_series > step
    return replace(panel, values=np.where(later[:, None], 30 - 2 * panel.values, panel.values))


def test_fit_forecaster_beats_the_last_value_by_a_wide_margin_on_a_sine(fitted_forecaster):
    metrics = fitted_forecaster.evaluation.metrics
    assert metrics["skill_pct"] > 60
    assert metrics["mae"] < 0.4 * metrics["last_value_mae"]
    assert metrics["direction_pct"] > 80
    assert (metrics["test_series"], metrics["test_windows"]) == (4, 4 * 56)


@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust", "none"])
@pytest.mark.parametrize("target_kind", ["level", "log_return"])
def test_fit_forecaster_returns_to_units_with_every_scaler(fit_sine, scaler, target_kind):
    fields = {"scaler": scaler, "target_kind": target_kind}
    if scaler == "none":  # unscaled levels of 10 are slow to reach, unscaled returns are tiny
        fields["training"] = TrainingConfig(max_epochs=20, batch_size=16, learning_rate=0.03)
        fields["hidden"] = 16
    metrics = fit_sine(**fields).evaluation.metrics
    assert metrics["skill_pct"] > 40
    assert metrics["smape_pct"] < 4


@pytest.mark.parametrize("target_kind", ["level", "log_return"])
def test_fit_forecaster_learns_every_second_step(fit_sine, target_kind):
    fitted = fit_sine(
        sampling_rate=2,
        lookback=12,
        target_kind=target_kind,
        training=TrainingConfig(max_epochs=15, batch_size=32, learning_rate=0.02),
    )
    metrics = fitted.evaluation.metrics
    assert metrics["skill_pct"] > 60
    # 10 rows ahead, so that the gap is 10 and a window of the test part ends 10 rows early.
    assert metrics["test_windows"] == 4 * (60 - 10 + 2)
    assert fitted.scale.shape == (4,)


def test_fit_forecaster_scores_intervals_as_it_does_points(fitted_forecaster):
    scores = {"pinball", "interval_score"}
    evaluation = fitted_forecaster.evaluation
    assert scores <= evaluation.metrics.keys()
    assert scores <= set(evaluation.by_horizon.columns) & set(evaluation.by_series.columns)


def test_fit_forecaster_gives_bit_equal_weights_again(fit_sine, fitted_forecaster, weights_of):
    again = fit_sine()
    for ours, theirs in zip(
        weights_of(again.forecaster), weights_of(fitted_forecaster.forecaster), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert again.evaluation.metrics == fitted_forecaster.evaluation.metrics


def test_fit_forecaster_fits_scalers_and_weights_on_training_rows_only(
    fit_sine, sine_panel, weights_of
):
    # One epoch: validation rows have no best epoch to choose.
    once = {"training": TrainingConfig(max_epochs=1, batch_size=32)}
    ours = fit_sine(**once).forecaster
    theirs = fit_sine(changed_after(sine_panel, LAST_TRAINING), **once).forecaster
    for name in ("input_scaler", "target_scaler"):
        for part in ("center", "scale"):
            np.testing.assert_array_equal(
                getattr(getattr(ours, name), part), getattr(getattr(theirs, name), part)
            )
    for one, other in zip(weights_of(ours), weights_of(theirs), strict=True):
        np.testing.assert_array_equal(one, other)
    assert ours.calibrated_until == theirs.calibrated_until


def test_fit_forecaster_does_change_with_its_training_rows(fit_sine, sine_panel):
    once = {"training": TrainingConfig(max_epochs=1, batch_size=32)}
    ours = fit_sine(**once).forecaster
    theirs = fit_sine(changed_after(sine_panel, LAST_TRAINING - 1), **once).forecaster
    assert (ours.target_scaler.center != theirs.target_scaler.center).all()


def test_fit_forecaster_learns_nothing_from_test_rows(
    fit_sine, fitted_forecaster, sine_panel, weights_of
):
    other = fit_sine(changed_after(sine_panel, FIRST_TEST - 1))
    ours, theirs = fitted_forecaster.forecaster, other.forecaster
    for one, another in zip(weights_of(ours), weights_of(theirs), strict=True):
        np.testing.assert_array_equal(one, another)
    np.testing.assert_array_equal(ours.interval_width, theirs.interval_width)
    np.testing.assert_array_equal(fitted_forecaster.scale, other.scale)
    assert fitted_forecaster.season == other.season
    origins = np.arange(50, 355)
    for one, another in zip(
        ours.forecast_windows(ours.prepare(sine_panel), origins),
        theirs.forecast_windows(theirs.prepare(changed_after(sine_panel, FIRST_TEST - 1)), origins),
        strict=True,
    ):
        np.testing.assert_array_equal(one, another)


def test_fit_forecaster_judges_from_windows_whose_targets_are_all_test_rows(
    fitted_forecaster, sine_panel
):
    step = sine_panel.row_in_series[fitted_forecaster.test_origins]
    assert (step.min() + 1, step.max() + 5) == (FIRST_TEST, 419)


@pytest.mark.parametrize("target_kind", ["level", "log_return"])
def test_fit_forecaster_covers_what_the_interval_promises(
    fit_sine, make_values, sine_dataset, target_kind
):
    rows = make_values([f"S{i}" for i in range(10)], 700, noise=0.3, seed=1)
    panel = make_panel(rows, calendar=make_calendar(sine_dataset), columns=("value",))
    fitted = fit_sine(
        panel,
        target_kind=target_kind,
        split=SplitConfig(validation_steps=40, calibration_steps=150, test_steps=150),
        training=TrainingConfig(max_epochs=3, batch_size=64, learning_rate=0.01),
    )
    assert 87 <= fitted.evaluation.metrics["coverage_pct"] <= 93
    half = fit_sine(
        panel,
        interval=0.5,
        target_kind=target_kind,
        split=SplitConfig(validation_steps=40, calibration_steps=150, test_steps=150),
        training=TrainingConfig(max_epochs=3, batch_size=64, learning_rate=0.01),
    )
    assert 46 <= half.evaluation.metrics["coverage_pct"] <= 54


def test_fit_forecaster_finds_the_season(fitted_forecaster):
    assert fitted_forecaster.season == 24


def test_fit_forecaster_takes_the_season_of_the_config(fit_sine):
    assert fit_sine(season=7, training=TrainingConfig(max_epochs=1)).season == 7


def test_fit_forecaster_takes_the_calendar_s_season_of_noise(fit_sine, panel_of):
    rng = np.random.default_rng(3)
    panel = panel_of({name: rng.normal(10, 1, 420) for name in "AB"})
    fitted = fit_sine(panel, target_kind="level", training=TrainingConfig(max_epochs=1))
    assert fitted.season == 24  # a day of hours


def test_fit_forecaster_leaves_out_short_and_constant_series(fit_sine, panel_of, sine_panel):
    sine = sine_panel.values[:420, 0]
    panel = panel_of(
        {"A": sine, "flat": np.full(420, 5.0), "late": sine[:180], "still": sine},
        start={"late": 240},
    )
    stopped = panel.values.copy()
    in_training = (panel.row_series == 3) & (panel.row_in_series <= LAST_TRAINING)
    stopped[in_training] = 9.0  # moves only after the split
    fitted = fit_sine(
        replace(panel, values=stopped),
        target_kind="level",
        training=TrainingConfig(max_epochs=1),
    )
    assert fitted.left_out == {
        "flat": "constant over its 255 training steps: nothing to learn",
        "late": "15 complete steps before the split, 25 are needed",
        "still": "constant over its 255 training steps: nothing to learn",
    }
    assert fitted.forecaster.series_ids == ["A"]
    assert fitted.evaluation.by_series["series_id"].tolist() == ["A"]


def test_fit_forecaster_refuses_a_dataset_of_short_series(fit_sine, panel_of, sine_panel):
    with pytest.raises(SeriesError, match=r"too little history: 100 steps.*ingest more"):
        fit_sine(panel_of({"A": sine_panel.values[:100, 0]}))


def test_fit_forecaster_refuses_a_dataset_without_a_usable_series(fit_sine, panel_of):
    late = np.sin(np.arange(170.0)) + 5
    with pytest.raises(SeriesError, match="none of 2 series can be learned from; series A: const"):
        fit_sine(panel_of({"A": np.full(420, 5.0), "B": late}, start={"B": 250}))


def test_fit_forecaster_refuses_infinite_values(fit_sine, panel_of, sine_panel):
    values = sine_panel.values[:420, 0].copy()
    values[7] = np.inf
    with pytest.raises(SeriesError, match="series A has infinite values: correct the source"):
        fit_sine(panel_of({"A": values}), target_kind="level")


def test_fit_forecaster_refuses_an_unknown_training_series(fit_sine):
    with pytest.raises(SeriesError, match="train_series names X, the dataset has A, B, C, D"):
        fit_sine(train_series=["A", "X"])


def test_fit_forecaster_refuses_an_unknown_feature(fit_sine):
    with pytest.raises(ConfigError, match="feature 'close_return' is none of value, calendar"):
        fit_sine(features=["close_return"])


def test_fit_forecaster_learns_from_train_series_and_judges_all(
    fit_sine, panel_of, sine_panel, weights_of
):
    noise = np.random.default_rng(0).normal(10, 1, 420)
    once = {"target_kind": "level", "training": TrainingConfig(max_epochs=1)}
    sine = sine_panel.values[:420, 0]
    one = fit_sine(panel_of({"A": sine, "B": noise}), train_series=["A"], **once)
    other = fit_sine(panel_of({"A": sine, "B": noise[::-1]}), train_series=["A"], **once)
    for ours, theirs in zip(weights_of(one.forecaster), weights_of(other.forecaster), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one.evaluation.metrics["test_series"] == 2


def test_fit_forecaster_survives_a_series_that_stands_still_in_the_test_part(
    fit_sine, panel_of, sine_panel
):
    values = sine_panel.values[:420, 0].copy()
    values[FIRST_TEST - 30 :] = 10.0
    fitted = fit_sine(
        panel_of({"A": values}), target_kind="level", training=TrainingConfig(max_epochs=1)
    )
    assert fitted.evaluation.metrics["skill_pct"] == -100.0
    assert np.isfinite(list(fitted.evaluation.metrics.values())).all()


def test_fit_forecaster_skips_windows_with_missing_steps(fit_sine, panel_of, sine_panel):
    values = sine_panel.values[:420, 0].copy()
    values[380] = NAN
    fitted = fit_sine(panel_of({"A": values}), training=TrainingConfig(max_epochs=1))
    # 56 origins from 359 to 414, less those of which step 380 is a target (375-379)
    # or an input (380-399); its log return and the next one's are unknown, so 400 as well.
    steps = set(fitted.test_origins.tolist())
    assert steps.isdisjoint(range(375, 400))
    assert {359, 374, 401, 414} <= steps


def test_fit_forecaster_uses_bars_and_their_calendar(
    make_bars, bars_dataset, krx_calendar, forecaster_config
):
    dataset = bars_dataset()
    panel = make_panel(
        make_bars(["A", "B"], 300, start="2023-01-02"),
        calendar=krx_calendar,
        columns=dataset.columns,
    )
    config = ForecasterConfig(
        hidden=8, split=forecaster_config.split, training=TrainingConfig(max_epochs=1)
    )
    fitted = fit_forecaster(panel, dataset=dataset, config=config, device=torch.device("cpu"))
    # A random walk: nobody is far from the last value, and the interval speaks of won.
    assert fitted.evaluation.skill_pct < 50
    rows, left_out = fitted.forecaster.forecast_next(panel)
    assert left_out == {}
    assert (np.abs(rows["value"] / rows["last_value"] - 1) < 0.1).all()
    assert (rows["lower"] < rows["last_value"]).all()
    assert (rows["upper"] > rows["last_value"]).all()
