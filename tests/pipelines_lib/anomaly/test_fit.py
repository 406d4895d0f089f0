"""Fitting: finds what was planted, and learns from the past only."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.config import TrainingConfig
from pipelines_lib.errors import SeriesError

# 420 steps with gaps of one: train until step 266, validation 268-297, calibration 299-358,
# test 360-419.
LAST_TRAINING, LAST_CALIBRATION, FIRST_TEST = 266, 358, 360
ONCE = {"training": TrainingConfig(max_epochs=1, batch_size=32)}


def changed_after(panel, step):
    later = panel.row_in_series > step
    return replace(panel, values=np.where(later[:, None], 30 - 2 * panel.values, panel.values))


@pytest.fixture(scope="module")
def planted(sine_panel):
    """Return the sines with a level shift of two steps in every series, and its labels."""
    values, rows = sine_panel.values.copy(), []
    for number in range(4):
        for step in (370, 390, 410):
            rows += [sine_panel.offsets[number] + step + number + i for i in (0, 1)]
    values[rows] += 2.0
    labels = pd.DataFrame(
        {
            "series_id": np.array(sine_panel.series_ids)[sine_panel.row_series[rows]],
            "time": pd.Series(sine_panel.times(np.array(rows))).dt.tz_localize("UTC"),
        }
    )
    return replace(sine_panel, values=values), labels


def test_fit_detector_finds_planted_anomalies(fit_sine_detector, planted):
    panel, labels = planted
    evaluation = fit_sine_detector(panel, labels).evaluation
    chance = 24 / 240
    assert evaluation.truth == "labels"
    assert (evaluation.metrics["anomalous_steps"], evaluation.metrics["test_steps"]) == (24, 240)
    assert evaluation.metrics["average_precision"] > 6 * chance
    assert evaluation.metrics["recall"] > 0.6
    assert evaluation.scores.loc[evaluation.scores["anomalous"], "score"].median() > 5 * (
        evaluation.scores.loc[~evaluation.scores["anomalous"], "score"].median()
    )


def test_fit_detector_finds_injected_anomalies_where_none_are_labelled(fitted_detector):
    evaluation = fitted_detector.evaluation
    chance = evaluation.metrics["anomalous_steps"] / evaluation.metrics["test_steps"]
    assert evaluation.truth == "injected"
    assert evaluation.metrics["average_precision"] > 5 * chance


def test_fit_detector_judges_baselines_on_the_same_rows(fitted_detector):
    scores = fitted_detector.evaluation.scores
    assert set(scores.columns) >= {"autoencoder", "pca", "energy", "anomalous"}
    assert scores[["autoencoder", "pca", "energy"]].notna().all().all()
    assert set(fitted_detector.baselines) == {"pca", "energy"}
    assert {"pca_average_precision", "skill_pct", "skill_vs_energy_pct"} <= set(
        fitted_detector.evaluation.metrics
    )


def test_fit_detector_ignores_labels_before_the_test_part(fit_sine_detector, planted):
    _, labels = planted
    early = labels.assign(time=labels["time"] - pd.Timedelta(hours=100))
    assert fit_sine_detector(labels=early, **ONCE).evaluation.truth == "injected"


def test_fit_detector_ignores_labels_of_what_is_not_there(fit_sine_detector, planted):
    _, labels = planted
    foreign = pd.concat(
        [labels.assign(series_id="Z"), labels.assign(time=labels["time"] + pd.Timedelta(days=999))]
    )
    assert fit_sine_detector(labels=foreign, **ONCE).evaluation.truth == "injected"


@pytest.mark.parametrize("mode", ["causal", "retrospective"])
def test_fit_detector_threshold_does_not_change_with_test_rows(
    fit_sine_detector, sine_panel, weights_of, mode
):
    ours = fit_sine_detector(mode=mode, **ONCE).detector
    theirs = fit_sine_detector(
        changed_after(sine_panel, LAST_CALIBRATION), mode=mode, **ONCE
    ).detector
    assert ours.threshold == theirs.threshold
    np.testing.assert_array_equal(ours.scaler.center, theirs.scaler.center)
    for one, other in zip(weights_of(ours), weights_of(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fit_detector_threshold_does_change_with_calibration_rows(fit_sine_detector, sine_panel):
    ours = fit_sine_detector(**ONCE).detector
    theirs = fit_sine_detector(changed_after(sine_panel, 330), **ONCE).detector
    assert ours.threshold != theirs.threshold


def test_fit_detector_scales_and_learns_from_training_rows_only(
    fit_sine_detector, sine_panel, weights_of
):
    ours = fit_sine_detector(**ONCE)
    theirs = fit_sine_detector(changed_after(sine_panel, LAST_TRAINING), **ONCE)
    np.testing.assert_array_equal(ours.detector.scaler.center, theirs.detector.scaler.center)
    np.testing.assert_array_equal(ours.detector.scaler.scale, theirs.detector.scaler.scale)
    for one, other in zip(weights_of(ours.detector), weights_of(theirs.detector), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(ours.baselines["pca"].mean, theirs.baselines["pca"].mean)


def test_fit_detector_gives_bit_equal_weights_again(fit_sine_detector, fitted_detector, weights_of):
    again = fit_sine_detector()
    for one, other in zip(
        weights_of(again.detector), weights_of(fitted_detector.detector), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert again.detector.threshold == fitted_detector.detector.threshold
    assert again.evaluation.metrics == fitted_detector.evaluation.metrics


def test_fit_detector_threshold_is_the_quantile_of_calibration_scores(fitted_detector, sine_panel):
    detector = replace(
        fitted_detector.detector,
        config=fitted_detector.detector.config.model_copy(update={"mode": "causal"}),
    )
    first = sine_panel.position[0]
    rows, _ = detector.score_panel(sine_panel, since=np.full(4, first + 299))
    hour = (rows["time"] - pd.Timestamp("2024-01-01", tz="UTC")) // pd.Timedelta(hours=1)
    calibration = rows.loc[hour <= LAST_CALIBRATION, "score"]
    refit = np.quantile(calibration, 0.99)
    # Retrospective scores average these errors with others: of the same size, not the same.
    assert len(calibration) == 240
    assert refit / 3 < fitted_detector.detector.threshold < 3 * refit


def test_fit_detector_causal_threshold_is_exactly_the_quantile(fit_sine_detector, sine_panel):
    fitted = fit_sine_detector(mode="causal", **ONCE)
    rows, _ = fitted.detector.score_panel(
        sine_panel, since=np.full(4, sine_panel.position[0] + 299)
    )
    hour = (rows["time"] - pd.Timestamp("2024-01-01", tz="UTC")) // pd.Timedelta(hours=1)
    calibration = rows.loc[hour <= LAST_CALIBRATION, "score"]
    assert fitted.detector.threshold == pytest.approx(np.quantile(calibration, 0.99), rel=1e-5)


def test_fit_detector_says_until_when_it_has_learned(fitted_detector):
    assert fitted_detector.detector.calibrated_until == str(
        np.datetime64("2024-01-01", "us") + np.timedelta64(LAST_CALIBRATION, "h")
    )


def test_fit_detector_leaves_out_a_constant_series(fit_sine_detector, panel_of, sine_panel):
    panel = panel_of({"A": sine_panel.values[:420, 0], "flat": np.full(420, 5.0)})
    fitted = fit_sine_detector(panel, **ONCE)
    assert list(fitted.left_out) == ["flat"]
    assert "constant" in fitted.left_out["flat"]
    assert fitted.detector.series_ids == ["A"]
    assert set(fitted.evaluation.scores["series_id"]) == {"A"}


def test_fit_detector_refuses_an_unknown_training_series(fit_sine_detector):
    with pytest.raises(SeriesError, match="train_series names X"):
        fit_sine_detector(train_series=["X"])


def test_fit_detector_refuses_short_history(fit_sine_detector, panel_of, sine_panel):
    with pytest.raises(SeriesError, match="too little history"):
        fit_sine_detector(panel_of({"A": sine_panel.values[:150, 0]}))
