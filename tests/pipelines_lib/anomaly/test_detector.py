"""From raw observations to scores, and the bundle."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.anomaly.baselines import Energy
from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.config import DetectorConfig
from pipelines_lib.errors import BundleError
from pipelines_lib.series.scaling import Scaler

NAN = float("nan")
START = pd.Timestamp("2024-01-01", tz="UTC")


@pytest.fixture
def energetic(sine_dataset):
    """Return a detector of series A whose score is the squared distance from 10."""
    return Detector(
        sine_dataset,
        DetectorConfig(lookback=3, features=["value"], mode="causal"),
        ["A"],
        Scaler(np.array([[10.0]]), np.array([[1.0]])),
        Energy(),
        4.0,
        "2024-01-01T00:00:00.000000",
    )


def score(detector, panel, since=0):
    since = np.full(len(panel.series_ids), panel.position.min() + since)
    return detector.score_panel(panel, since=since)


def test_score_panel_scores_due_steps_in_scaled_units(energetic, panel_of):
    rows, left_out = score(energetic, panel_of({"A": [10.0, 11.0, 12.0, 7.0, 10.0]}), since=2)
    assert left_out == {}
    assert rows["score"].tolist() == [4.0, 9.0, 0.0]
    assert rows["time"].tolist() == [START + pd.Timedelta(hours=h) for h in (2, 3, 4)]
    assert (rows["threshold"] == 4.0).all()
    assert set(rows["mode"]) == {"causal"}
    assert set(rows["feature"]) == {"value"}


def test_score_panel_scores_each_series_from_its_own_step(energetic, panel_of):
    panel = panel_of({"A": np.arange(8.0, 14.0), "B": np.arange(1.0, 7.0)})
    first = panel.position[0]
    rows, _ = energetic.score_panel(panel, since=np.array([first + 4, first + 5]))
    assert rows["series_id"].tolist() == ["A", "A", "B"]


def test_scale_scales_an_unknown_series_by_its_own_rows(energetic, panel_of):
    scaled = energetic.scale(panel_of({"Z": [100.0, 200.0, 300.0]}))
    assert scaled[:, 0] == pytest.approx([-1.2247, 0.0, 1.2247], abs=1e-4)


def test_score_panel_causal_scales_an_unknown_series_by_earlier_rows_only(energetic, panel_of):
    calm = [100.0, 300.0, 100.0, 300.0]
    before, _ = score(energetic, panel_of({"Z": [*calm, 400.0, 200.0]}), since=4)
    after, _ = score(energetic, panel_of({"Z": [*calm, 400.0, 9000.0]}), since=4)
    assert before["score"].iloc[0] == after["score"].iloc[0] == 4.0  # ((400 - 200) / 100)^2

    rows, left_out = score(energetic, panel_of({"Z": [100.0, 200.0, 300.0]}))
    assert len(rows) == 0
    assert set(left_out) == {"Z"}


def test_score_panel_leaves_out_series_with_a_reason(energetic, panel_of):
    panel = panel_of({"A": [10.0] * 5, "gap": [1.0, 2.0, NAN, 4.0, 5.0], "new": [1.0, 2.0]})
    first = np.full(3, panel.position.min())
    rows, left_out = energetic.score_panel(panel, since=first, inputs=energetic.scale(panel))
    assert set(rows["series_id"]) == {"A"}
    assert sorted(left_out) == ["gap", "new"]
    assert all("2" in why and "3" in why for why in left_out.values())


def test_score_panel_has_nothing_to_say_of_a_series_that_is_not_due(energetic, panel_of):
    panel = panel_of({"A": [10.0] * 6, "ended": [1.0, 2.0]})
    _, left_out = score(energetic, panel, since=4)
    assert left_out == {}


def test_score_panel_retrospective_scores_cover_only_due_steps(energetic, panel_of):
    detector = replace(
        energetic, config=energetic.config.model_copy(update={"mode": "retrospective"})
    )
    rows, _ = score(detector, panel_of({"A": np.arange(10.0, 18.0)}), since=5)
    assert rows["score"].tolist() == [25.0, 36.0, 49.0]


def test_score_panel_causal_does_not_know_what_follows(fit_sine_detector, sine_panel):
    detector = fit_sine_detector(mode="causal").detector
    future = sine_panel.row_in_series > 300
    changed = replace(
        sine_panel, values=np.where(future[:, None], 3 * sine_panel.values, sine_panel.values)
    )
    since = np.full(4, sine_panel.position[0] + 100)
    before, after = (detector.score_panel(p, since=since)[0] for p in (sine_panel, changed))
    past = before["time"] <= START + pd.Timedelta(hours=300)
    assert (before.loc[~past, "score"] != after.loc[~past, "score"]).all()
    before, after = before[past], after[past]
    assert len(before) == 4 * 201
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_load_bundle_scores_bit_for_bit_as_what_was_saved(fitted_detector, sine_panel, tmp_path):
    detector = fitted_detector.detector
    detector.save_bundle(tmp_path)
    loaded = Detector.load_bundle(tmp_path)
    ours, theirs = score(detector, sine_panel)[0], score(loaded, sine_panel)[0]
    assert len(ours) == 4 * 420
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    assert (loaded.threshold, loaded.config) == (detector.threshold, detector.config)
    assert loaded.calibrated_until == detector.calibrated_until


def test_load_bundle_refuses_a_bundle_of_another_kind(fitted_forecaster, tmp_path):
    fitted_forecaster.forecaster.save_bundle(tmp_path)
    with pytest.raises(BundleError, match="holds a forecaster, not a detector"):
        Detector.load_bundle(tmp_path)
