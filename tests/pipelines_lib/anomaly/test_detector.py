"""From raw observations to scores, what a detector says of bad input, and the bundle."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pipelines_lib.anomaly.detector import EXTREME, Detector, make_stretch
from pipelines_lib.bundles import CARD
from pipelines_lib.errors import BundleError, SeriesError
from tests.pipelines_lib.anomaly.conftest import LEARNED, PARTS, START


def score(fitted, panel=None, **more):
    panel = fitted.panel() if panel is None else panel
    return fitted.detector.score_panel(panel, since=fitted.since(panel), **more)


def test_score_panel_returns_rows_as_the_lake_has_them(every_part):
    frame, pasts, left_out = score(every_part)
    assert list(frame.columns) == [
        "series_id",
        "time",
        "mode",
        "score",
        "threshold",
        "p_value",
        "anomalous",
        "part",
        "feature",
    ]
    assert not frame.isna().any().any()
    assert (frame["anomalous"] == (frame["score"] > frame["threshold"])).all()
    assert set(frame["part"]) <= set(PARTS)
    assert set(frame["feature"]) <= set(every_part.columns)
    assert (list(pasts), left_out) == (PARTS, {})


def test_score_panel_shows_from_where_it_is_told(every_part):
    panel = every_part.panel()
    whole, ours, _ = score(every_part, panel)
    late, theirs, _ = score(every_part, panel, shown=every_part.since(panel, 400))
    kept = whole["time"] >= START + pd.Timedelta(hours=400)
    columns = ["series_id", "time", "score", "part", "feature"]
    pd.testing.assert_frame_equal(
        whole.loc[kept, columns].reset_index(drop=True), late[columns], check_exact=True
    )
    assert ours["shift"].total.tolist() == theirs["shift"].total.tolist()


def test_score_panel_is_told_of_a_score_far_above_the_usual(every_part):
    panel = every_part.panel()
    first = panel.offsets[1]  # of B, which begins at step 100
    panel.values[first + 300 : first + 306, 0] += 8.0
    frame, _, _ = score(every_part, panel)
    frame = frame[frame["series_id"] == "B"]
    step = (frame["time"] - START) / pd.Timedelta(hours=1)
    assert frame.loc[step.between(400, 405), "anomalous"].any()
    assert (
        frame.loc[step.between(400, 405), "score"].max() > 2 * frame.loc[step < 400, "score"].max()
    )


def test_score_rows_scores_what_follows_the_calibration(every_part):
    frame, left_out = every_part.detector.score_rows(every_part.panel())
    assert frame["time"].min() == START + pd.Timedelta(hours=LEARNED + 1)
    pd.testing.assert_frame_equal(frame, score(every_part)[0], check_exact=True)
    assert left_out == {}


def test_score_rows_refuses_rows_that_it_has_learned_from(every_part):
    with pytest.raises(
        SeriesError, match=r"newest row is of 2024-01-15.* learned from all up to .*: give later"
    ):
        every_part.detector.score_rows(every_part.panel(LEARNED))


def test_make_stretch_scales_a_new_series_by_its_first_60_known_steps(every_part):
    panel = every_part.panel()
    row = panel.offsets[3]
    first = panel.values[row : row + 60]
    scaled = every_part.detector.make_stretch(panel).inputs[row : row + 60]
    np.testing.assert_allclose(scaled, (first - first.mean(axis=0)) / first.std(axis=0))


def test_make_stretch_cuts_what_is_extreme(every_part):
    panel = every_part.panel()
    inputs = np.full((len(panel.position), 2), 1e9)
    inputs[3] = np.nan
    stretch = make_stretch(inputs, panel, every_part.detector.window, "causal")
    assert np.nanmax(stretch.inputs) == EXTREME
    assert stretch.run[:6].tolist() == [1, 2, 3, 0, 1, 2]


# --- bad input ---------------------------------------------------------------------------------


def test_score_panel_of_a_series_that_has_become_constant(every_part):
    panel = every_part.panel()
    rows = slice(panel.offsets[1] + 262, panel.offsets[2])  # B from step 362 on
    panel.values[rows] = panel.values[rows.start]
    frame, _, left_out = score(every_part, panel)
    assert left_out == {}
    ours = frame[frame["series_id"] == "B"]
    assert len(ours) == 61
    assert np.isfinite(ours["score"]).all()


def test_score_panel_of_a_new_constant_series(every_part):
    panel = every_part.panel()
    panel.values[panel.offsets[3] :] = 5.0
    ours = score(every_part, panel)[0].query("series_id == 'new'")
    assert len(ours) == 30
    assert not ours["anomalous"].any()
    assert ours["score"].max() < 1e-3


def test_score_panel_names_a_series_with_fewer_rows_than_a_window(every_part):
    panel = every_part.panel()
    rows = every_part.rows
    late = rows[(rows["series_id"] == "new") & (rows["time"] >= START + pd.Timedelta(hours=415))]
    few = replace(every_part, rows=pd.concat([rows[rows["series_id"] != "new"], late])).panel()
    frame, _, left_out = score(every_part, few)
    assert left_out == {
        "new": "new to the detector: it has 5 complete steps, and is scored after 90"
    }
    theirs = score(every_part, panel)[0].query("series_id != 'new'")
    columns = ["series_id", "time", "score", "part"]
    pd.testing.assert_frame_equal(
        frame[columns], theirs[columns].reset_index(drop=True), check_exact=True
    )


def test_score_panel_names_a_known_series_after_a_gap(every_part):
    rows = every_part.rows
    hour = (rows["time"] - START) / pd.Timedelta(hours=1)
    alone = replace(every_part.detector, parts={"forecast": every_part.detector.parts["forecast"]})
    gone = (rows["series_id"] == "B") & hour.between(340, 410)
    panel = replace(every_part, rows=rows[~gone]).panel()
    frame, _, left_out = alone.score_panel(panel, since=every_part.since(panel))
    assert left_out == {"B": "only its newest 9 steps have every feature, a window needs 12"}
    assert set(frame["series_id"]) == {"A", "C", "new"}


def test_score_panel_has_nothing_to_say_of_a_series_that_has_ended(every_part):
    panel = every_part.panel()
    _, _, left_out = every_part.detector.score_panel(panel, since=every_part.since(panel, 395))
    assert "C" not in left_out  # it ended at 389


# --- bundle ------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["causal", "retrospective"])
def saved(request, fit_every_part, tmp_path_factory):
    fitted = fit_every_part(2, mode=request.param)
    folder = tmp_path_factory.mktemp("bundle")
    fitted.detector.save_bundle(folder)
    return fitted, folder


def test_load_bundle_scores_bit_for_bit_as_what_was_saved(saved, monkeypatch):
    fitted, folder = saved

    def refuse(*_, **__):
        raise RuntimeError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    loaded = Detector.load_bundle(folder)
    ours, theirs = score(fitted)[0], score(replace(fitted, detector=loaded))[0]
    assert len(ours) == 60 + 61 + 31 + (30 if fitted.detector.config.mode == "causal" else 60)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_load_bundle_returns_every_field(saved):
    fitted, folder = saved
    ours, loaded = fitted.detector, Detector.load_bundle(folder)
    for name in ("dataset", "config", "features", "series_ids", "window", "weights"):
        assert getattr(loaded, name) == getattr(ours, name)
    assert loaded.calibrated_until == ours.calibrated_until
    assert list(loaded.parts) == list(ours.parts)
    for name, past in ours.pasts.items():
        for field, values in vars(past).items():
            np.testing.assert_array_equal(getattr(loaded.pasts[name], field), values)
    for field in ("score", "series_id", "time"):
        np.testing.assert_array_equal(
            getattr(loaded.calibration, field), getattr(ours.calibration, field)
        )


@pytest.mark.parametrize("name", PARTS)
def test_a_detector_of_one_part_is_fitted_saved_and_scores(fit_every_part, tmp_path, name):
    fitted = fit_every_part(2, parts=[name])
    assert list(fitted.detector.parts) == [name]
    fitted.detector.save_bundle(tmp_path)
    loaded = replace(fitted, detector=Detector.load_bundle(tmp_path))
    ours, theirs = score(fitted)[0], score(loaded)[0]
    assert set(ours["part"]) == {name}
    assert ours["score"].nunique() > 20
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_load_bundle_refuses_a_bundle_of_another_kind(fitted_forecaster, tmp_path):
    fitted_forecaster.forecaster.save_bundle(tmp_path)
    with pytest.raises(BundleError, match="holds a forecaster, not a detector"):
        Detector.load_bundle(tmp_path)


def test_load_bundle_of_an_older_kind_says_to_train_again(every_part, tmp_path):
    every_part.detector.save_bundle(tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    del card["parts"]
    (tmp_path / CARD).write_text(json.dumps(card))
    with pytest.raises(BundleError, match=r"of an older Tidewatch, .*: train it again"):
        Detector.load_bundle(tmp_path)
