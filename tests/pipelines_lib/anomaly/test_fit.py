"""Fitting: finds what was planted, and learns from the past only."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.anomaly.fit import fit_detector
from pipelines_lib.errors import SeriesError
from tests.pipelines_lib.conftest import CPU, NO_LABELS

# 420 steps with gaps of one: train until step 266, validation 268-297, calibration 299-358,
# test 360-419.
LAST_TRAINING, LAST_CALIBRATION, FIRST_TEST = 266, 358, 360
SIMPLE = {"parts": ["shift", "energy"]}


def changed_after(panel, step):
    later = panel.row_in_series > step
    return replace(panel, values=np.where(later[:, None], 30 - 2 * panel.values, panel.values))


def check_same_parts(ours, theirs, weights_of):
    for name in ("forecast", "autoencoder"):
        pairs = zip(weights_of(ours.parts[name]), weights_of(theirs.parts[name]), strict=True)
        for one, other in pairs:
            np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def planted(sine_panel):
    """Return the sines with two steps far off in every series, three times, and its labels."""
    values, rows = sine_panel.values.copy(), []
    for number in range(4):
        for step in (370, 390, 410):
            rows += [sine_panel.offsets[number] + step + number + i for i in (0, 1)]
    values[rows] += 4.0
    labels = pd.DataFrame(
        {
            "series_id": np.array(sine_panel.series_ids)[sine_panel.row_series[rows]],
            "time": pd.Series(sine_panel.times(np.array(rows))).dt.tz_localize("UTC"),
        }
    )
    return replace(sine_panel, values=values), labels


def test_fit_detector_finds_planted_anomalies(fit_sine_detector, planted):
    panel, labels = planted
    evaluation = fit_sine_detector(panel, labels, smoothing_steps=1, parts=["forecast"]).evaluation
    chance = 24 / 240
    assert evaluation.truth == "labels"
    assert (evaluation.metrics["anomalous_steps"], evaluation.metrics["test_steps"]) == (24, 240)
    assert evaluation.metrics["average_precision"] > 6 * chance
    assert evaluation.metrics["recall"] > 0.6
    scores = evaluation.scores
    assert scores.loc[scores["anomaly"], "score"].median() > 5 * (
        scores.loc[~scores["anomaly"], "score"].median()
    )


def test_fit_detector_injects_anomalies_where_none_are_labelled(fitted_detector):
    evaluation = fitted_detector.evaluation
    assert evaluation.truth == "injected"
    assert evaluation.scores["anomaly"].sum() == evaluation.metrics["anomalous_steps"] == 8
    chance = 8 / evaluation.metrics["test_steps"]
    assert evaluation.metrics["forecast_average_precision"] > 2 * chance


def test_fit_detector_judges_baselines_on_the_same_rows(fitted_detector):
    scores = fitted_detector.evaluation.scores
    methods = ["score", "forecast", "autoencoder", "shift", "pca", "energy"]
    assert scores[methods].notna().all().all()
    assert set(fitted_detector.others) == {"pca", "energy"}
    assert set(fitted_detector.trainings) == {"forecast", "autoencoder"}
    assert {
        "pca_average_precision",
        "shift_average_precision",
        "skill_pct",
        "skill_vs_energy_pct",
    } <= set(fitted_detector.evaluation.metrics)


def test_fit_detector_reports_both_networks_beside_a_score_without_them(fit_sine_detector):
    fitted = fit_sine_detector(**SIMPLE)
    assert list(fitted.detector.parts) == ["shift", "energy"]
    assert set(fitted.others) == {"pca", "forecast", "autoencoder"}
    assert {"forecast_average_precision", "autoencoder_average_precision"} <= set(
        fitted.evaluation.metrics
    )


def test_fit_detector_ignores_labels_before_the_test_part(fit_sine_detector, planted):
    _, labels = planted
    early = labels.assign(time=labels["time"] - pd.Timedelta(hours=100))
    assert fit_sine_detector(labels=early, **SIMPLE).evaluation.truth == "injected"


def test_fit_detector_ignores_labels_of_what_is_not_there(fit_sine_detector, planted):
    _, labels = planted
    foreign = pd.concat(
        [labels.assign(series_id="Z"), labels.assign(time=labels["time"] + pd.Timedelta(days=999))]
    )
    assert fit_sine_detector(labels=foreign, **SIMPLE).evaluation.truth == "injected"


def test_fit_detector_threshold_does_not_change_with_test_rows(
    fit_sine_detector, fitted_detector, sine_panel, weights_of
):
    ours = fitted_detector.detector
    theirs = fit_sine_detector(changed_after(sine_panel, LAST_CALIBRATION)).detector
    np.testing.assert_array_equal(ours.calibration.score, theirs.calibration.score)
    for name, past in ours.pasts.items():
        np.testing.assert_array_equal(past.total, theirs.pasts[name].total)
    check_same_parts(ours, theirs, weights_of)


def test_fit_detector_calibrates_on_calibration_rows(
    fitted_detector, fit_sine_detector, sine_panel
):
    ours = fitted_detector.detector.calibration
    assert len(ours.score) == 4 * 60
    start = np.datetime64("2024-01-01", "us")
    assert ours.time.min() == start + np.timedelta64(299, "h")
    assert ours.time.max() == start + np.timedelta64(LAST_CALIBRATION, "h")
    theirs = fit_sine_detector(changed_after(sine_panel, 330)).detector.calibration
    early = ours.time <= start + np.timedelta64(330, "h")
    np.testing.assert_array_equal(ours.score[early], theirs.score[early])
    assert (ours.score != theirs.score)[~early].mean() > 0.9


def test_fit_detector_scales_and_learns_from_training_rows_only(
    fit_sine_detector, fitted_detector, sine_panel, weights_of
):
    ours, theirs = fitted_detector, fit_sine_detector(changed_after(sine_panel, LAST_TRAINING))
    np.testing.assert_array_equal(ours.detector.scaler.center, theirs.detector.scaler.center)
    np.testing.assert_array_equal(ours.detector.scaler.scale, theirs.detector.scaler.scale)
    assert ours.detector.window == theirs.detector.window
    check_same_parts(ours.detector, theirs.detector, weights_of)
    np.testing.assert_array_equal(ours.others["pca"].mean, theirs.others["pca"].mean)


def test_fit_detector_gives_bit_equal_parts_again(fit_sine_detector, fitted_detector, weights_of):
    again = fit_sine_detector()
    check_same_parts(again.detector, fitted_detector.detector, weights_of)
    np.testing.assert_array_equal(
        again.detector.calibration.score, fitted_detector.detector.calibration.score
    )
    assert again.evaluation.metrics == fitted_detector.evaluation.metrics


def test_fit_detector_says_until_when_it_has_learned(fitted_detector):
    assert fitted_detector.detector.calibrated_until == str(
        np.datetime64("2024-01-01", "us") + np.timedelta64(LAST_CALIBRATION, "h")
    )


def test_fit_detector_past_holds_all_errors_until_then(fitted_detector):
    # The shift is known from the 24th step on; a forecast from the 13th.
    pasts = fitted_detector.detector.pasts
    assert pasts["shift"].n.tolist() == [LAST_CALIBRATION + 1 - 23] * 4
    assert pasts["forecast"].n.tolist() == [LAST_CALIBRATION + 1 - 12] * 4


def test_fit_detector_resumes_each_network_from_a_file_of_its_own(
    fit_sine_detector, fitted_detector, sine_panel, sine_dataset, tmp_path, weights_of
):
    seen = []

    def stop(report):
        seen.append({path.name for path in tmp_path.iterdir()})
        if len(seen) == 3:
            raise KeyboardInterrupt

    def fit(on_epoch):
        return fit_detector(
            sine_panel,
            dataset=sine_dataset,
            config=fitted_detector.detector.config,
            device=CPU,
            labels=NO_LABELS,
            checkpoint=tmp_path / "run.safetensors",
            on_epoch=on_epoch,
        )

    with pytest.raises(KeyboardInterrupt):
        fit(stop)
    assert seen[-1] == {"run-autoencoder.safetensors"}
    check_same_parts(fit(lambda report: None).detector, fitted_detector.detector, weights_of)
    assert list(tmp_path.iterdir()) == []


def test_fit_detector_learns_from_train_series_and_judges_all(
    fit_sine_detector, fitted_detector, weights_of
):
    few = fit_sine_detector(train_series=["A", "C"])
    assert few.detector.series_ids == ["A", "B", "C", "D"]
    assert set(few.evaluation.scores["series_id"]) == {"A", "B", "C", "D"}
    np.testing.assert_array_equal(
        few.detector.scaler.center, fitted_detector.detector.scaler.center
    )
    for name in ("forecast", "autoencoder"):
        ours, theirs = few.detector.parts[name], fitted_detector.detector.parts[name]
        assert not np.array_equal(weights_of(ours)[0], weights_of(theirs)[0])


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust", "none"])
def test_fit_detector_scales_as_the_config_says(fit_sine_detector, sine_panel, kind):
    scaler = fit_sine_detector(**SIMPLE, scaler=kind).detector.scaler
    values = sine_panel.values[: LAST_TRAINING + 1, 0]
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    center, scale = {
        "standard": (values.mean(), values.std()),
        "minmax": (values.min(), np.ptp(values)),
        "robust": (middle, (high - low) / 1.349),
        "none": (0.0, 1.0),
    }[kind]
    assert scaler.center[0, 0] == pytest.approx(center)
    assert scaler.scale[0, 0] == pytest.approx(scale)


def test_fit_detector_watches_the_features_of_the_config(fit_every_part):
    watched = fit_every_part(3, features=["c2", "c0"], parts=["shift"]).detector
    assert watched.features == ["c2", "c0"]
    assert fit_every_part(2, parts=["shift"]).detector.features == ["c0", "c1"]


# --- bad input ---------------------------------------------------------------------------------


def test_fit_detector_leaves_out_a_constant_series(fit_sine_detector, panel_of, sine_panel):
    panel = panel_of({"A": sine_panel.values[:420, 0], "flat": np.full(420, 5.0)})
    fitted = fit_sine_detector(panel, **SIMPLE)
    assert list(fitted.left_out) == ["flat"]
    assert "constant over its 267 training steps" in fitted.left_out["flat"]
    assert fitted.detector.series_ids == ["A"]
    assert set(fitted.evaluation.scores["series_id"]) == {"A"}


def test_fit_detector_refuses_series_that_are_all_constant(fit_sine_detector, panel_of):
    panel = panel_of({"A": np.full(420, 3.0), "flat": np.full(420, 5.0)})
    with pytest.raises(SeriesError, match=r"none of 2 series can be learned from.*constant"):
        fit_sine_detector(panel)


def test_fit_detector_learns_around_a_stretch_that_was_not_observed(
    fit_sine_detector, panel_of, sine_panel
):
    values = sine_panel.values[:420, 0].copy()
    values[100:160] = np.nan
    fitted = fit_sine_detector(panel_of({"A": values}))
    assert np.isfinite(fitted.detector.calibration.score).all()
    assert fitted.evaluation.metrics["test_steps"] == 60


def test_fit_detector_leaves_out_a_series_with_fewer_rows_than_a_window(
    fit_sine_detector, panel_of, sine_panel
):
    waves = {"A": sine_panel.values[:420, 0], "late": sine_panel.values[420:580, 0]}
    fitted = fit_sine_detector(panel_of(waves, start={"late": 260}), **SIMPLE)
    assert fitted.left_out == {"late": "7 complete steps before the split, 13 are needed"}


@pytest.mark.parametrize(("lookback", "need"), [(240, 288), (266, 270)])
def test_fit_detector_refuses_a_window_longer_than_all_history(fit_sine_detector, lookback, need):
    with pytest.raises(
        SeriesError, match=rf"no series has {need} known steps in a row .*: lower lookback"
    ):
        fit_sine_detector(lookback=lookback)


def test_fit_detector_refuses_an_unknown_training_series(fit_sine_detector):
    with pytest.raises(SeriesError, match="train_series names X"):
        fit_sine_detector(train_series=["X"])


def test_fit_detector_refuses_short_history(fit_sine_detector, panel_of, sine_panel):
    with pytest.raises(SeriesError, match="too little history"):
        fit_sine_detector(panel_of({"A": sine_panel.values[:150, 0]}))
