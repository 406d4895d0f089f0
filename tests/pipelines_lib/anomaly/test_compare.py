"""Champion and challenger on the same held-out steps, or a reason why not."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from pipelines_lib.anomaly.compare import compare_detectors
from pipelines_lib.config import SplitConfig, TrainingConfig

CPU = torch.device("cpu")
NO_LABELS = pd.DataFrame({"series_id": [], "time": []})
ONCE = TrainingConfig(max_epochs=1, batch_size=32)


def compare(fitted, champion, panel, labels=NO_LABELS):
    return compare_detectors(fitted, champion, panel, labels=labels, device=CPU)


def test_compare_detectors_finds_no_champion(fitted_detector, sine_panel):
    compared = compare(fitted_detector, None, sine_panel)
    metrics = fitted_detector.evaluation.metrics
    assert compared.champion is None
    assert compared.challenger == pytest.approx(1 - metrics["average_precision"])
    assert compared.baseline == pytest.approx(1 - metrics["pca_average_precision"])
    assert compared.rows == 240


def test_compare_detectors_finds_a_model_as_good_as_itself(fitted_detector, sine_panel):
    compared = compare(fitted_detector, fitted_detector.detector, sine_panel)
    assert compared.champion == compared.challenger
    assert (compared.rows, compared.obstacle) == (240, "")


def test_compare_detectors_judges_both_on_the_same_anomalies(
    fitted_detector, fit_sine_detector, sine_panel
):
    hasty = fit_sine_detector(training=ONCE)
    compared = compare(fitted_detector, hasty.detector, sine_panel)
    assert compared.champion == pytest.approx(1 - hasty.evaluation.metrics["average_precision"])


def test_compare_detectors_counts_only_steps_that_both_can_score(
    fitted_detector, fit_sine_detector, sine_panel, panel_of
):
    fewer = fit_sine_detector(
        panel_of(
            {name: sine_panel.values[420 * i : 420 * (i + 1), 0] for i, name in enumerate("ABC")}
        ),
        training=ONCE,
    )
    compared = compare(fitted_detector, fewer.detector, sine_panel)
    assert compared.rows == 180


def test_compare_detectors_refuses_a_champion_that_has_seen_the_test_rows(
    fitted_detector, fit_sine_detector, sine_panel
):
    short = SplitConfig(validation_steps=10, calibration_steps=30, test_steps=10)
    champion = fit_sine_detector(split=short, training=ONCE).detector
    compared = compare(fitted_detector, champion, sine_panel)
    assert compared.obstacle == "the champion has learned from held-out rows (until 2024-01-18)"
    assert compared.champion is None


def test_compare_detectors_survives_held_out_rows_without_an_anomaly(fitted_detector, sine_panel):
    quiet = fitted_detector.evaluation.scores.assign(anomalous=False)
    fitted = replace(fitted_detector, evaluation=replace(fitted_detector.evaluation, scores=quiet))
    compared = compare(fitted, None, sine_panel)
    assert (compared.challenger, compared.baseline) == (1.0, 1.0)
