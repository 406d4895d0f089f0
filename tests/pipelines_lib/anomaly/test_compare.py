"""Champion and challenger on the same held-out steps, or a reason why not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines_lib.anomaly.compare import compare_detectors
from pipelines_lib.anomaly.evaluation import average_precision
from pipelines_lib.config import SplitConfig

CPU = torch.device("cpu")
SIMPLE = {"parts": ["shift", "energy"]}


def compare(fitted, champion, panel):
    return compare_detectors(fitted, champion, panel, device=CPU)


@pytest.fixture(scope="module")
def simple(fit_sine_detector):
    """Return a detector whose score needs no network."""
    return fit_sine_detector(**SIMPLE)


def test_compare_detectors_finds_no_champion(simple, sine_panel):
    compared = compare(simple, None, sine_panel)
    metrics = simple.evaluation.metrics
    assert compared.champion is None
    assert compared.challenger == pytest.approx(1 - metrics["average_precision"])
    assert compared.baseline == pytest.approx(1 - metrics["pca_average_precision"])
    assert compared.rows == 240


def test_compare_detectors_finds_a_model_as_good_as_itself(fitted_detector, sine_panel):
    # Its nights begin one step before the test rows, in the gap: hardly another past.
    compared = compare(fitted_detector, fitted_detector.detector, sine_panel)
    assert compared.champion == pytest.approx(compared.challenger, abs=0.02)
    assert (compared.rows, compared.obstacle) == (240, "")


def test_compare_detectors_judges_both_on_the_same_anomalies(simple, fitted_detector, sine_panel):
    compared = compare(simple, fitted_detector.detector, sine_panel)
    theirs = fitted_detector.evaluation.metrics["average_precision"]
    assert compared.champion == pytest.approx(1 - theirs, abs=0.02)
    assert compared.champion != compared.challenger


def test_compare_detectors_gives_an_old_champion_the_past_of_its_nights(
    simple, fit_sine_detector, sine_panel, panel_of
):
    until = {name: sine_panel.values[420 * s : 420 * s + 330, 0] for s, name in enumerate("ABCD")}
    champion = fit_sine_detector(panel_of(until), **SIMPLE).detector
    compared = compare(simple, champion, sine_panel)
    judged, first = simple.evaluation.judged, sine_panel.position[0]
    frame, _, _ = champion.score_panel(judged, since=np.full(4, first + 269))  # after step 268
    late = frame[frame["time"] >= simple.evaluation.scores["time"].min()]
    merged = simple.evaluation.scores.merge(late, on=["series_id", "time"], suffixes=("", "_old"))

    precision = average_precision(merged["anomaly"].to_numpy(), merged["score_old"].to_numpy())
    assert compared.champion == 1 - precision
    assert compared.rows == 240


def test_compare_detectors_counts_only_steps_that_both_can_score(
    simple, fit_sine_detector, sine_panel, panel_of
):
    until = {name: sine_panel.values[420 * s : 420 * s + 420, 0] for s, name in enumerate("ABC")}
    champion = fit_sine_detector(panel_of(until), **SIMPLE).detector
    # D is new to the champion, which knows too little of it before the test rows are over.
    held_out = simple.evaluation.scores
    compared = compare(simple, champion, sine_panel)
    assert compared.rows == len(held_out) - 29
    gone = held_out[held_out["series_id"] == "D"].sort_values("time")["time"].iloc[:29]
    kept = held_out[(held_out["series_id"] != "D") | ~held_out["time"].isin(gone)]
    fitted = replace(simple, evaluation=replace(simple.evaluation, scores=kept))
    assert compare(fitted, None, sine_panel).challenger == compared.challenger


def test_compare_detectors_counts_a_step_that_the_baseline_cannot_judge_as_normal_to_it(
    simple, sine_panel
):
    # A part that needs a longer run than the others knows too little of a series with many gaps.
    held_out = simple.evaluation.scores
    some = held_out.index[~held_out["anomaly"]][:5]
    missed = []
    for said in (np.nan, 0.0):
        scores = held_out.assign(pca=held_out["pca"].where(~held_out.index.isin(some), said))
        fitted = replace(simple, evaluation=replace(simple.evaluation, scores=scores))
        missed.append(compare(fitted, None, sine_panel).baseline)
    assert missed[0] == missed[1]


def test_compare_detectors_refuses_a_champion_that_has_seen_the_test_rows(
    simple, fit_sine_detector, sine_panel
):
    short = SplitConfig(validation_steps=10, calibration_steps=30, test_steps=10)
    champion = fit_sine_detector(split=short, **SIMPLE).detector
    compared = compare(simple, champion, sine_panel)
    assert compared.obstacle == "the champion has learned from held-out rows (until 2024-01-18)"
    assert compared.champion is None


def test_compare_detectors_survives_held_out_rows_without_an_anomaly(simple, sine_panel):
    quiet = simple.evaluation.scores.assign(anomaly=False)
    fitted = replace(simple, evaluation=replace(simple.evaluation, scores=quiet))
    compared = compare(fitted, None, sine_panel)
    assert (compared.challenger, compared.baseline) == (1.0, 1.0)
