"""Metrics of scores and alarms, by hand."""

import numpy as np
import pytest

from pipelines_lib.anomaly.evaluation import evaluate_alarms, evaluate_scores

TRUTH = np.array([True, False, False, True])
PERFECT = np.array([0.9, 0.1, 0.2, 0.8])
GOOD = np.array([0.9, 0.8, 0.1, 0.7])  # ranks 1 and 3: (1 + 2/3) / 2
BAD = np.array([0.1, 0.8, 0.9, 0.7])  # ranks 3 and 4: (1/3 + 2/4) / 2


def test_evaluate_scores_by_hand():
    metrics = evaluate_scores({"autoencoder": GOOD, "pca": BAD, "energy": PERFECT}, TRUTH)
    assert metrics["average_precision"] == pytest.approx(5 / 6)
    assert metrics["pca_average_precision"] == pytest.approx(5 / 12)
    assert metrics["energy_average_precision"] == 1.0
    # Missed 1/6 of what PCA missed 7/12 of.
    assert metrics["skill_pct"] == pytest.approx(100 * (1 - (1 / 6) / (7 / 12)))
    assert (metrics["anomalous_steps"], metrics["test_steps"]) == (2.0, 4.0)


def test_evaluate_scores_makes_no_skill_of_a_tie():
    tie = evaluate_scores({"autoencoder": PERFECT, "pca": PERFECT}, TRUTH)
    worse = evaluate_scores({"autoencoder": GOOD, "pca": PERFECT}, TRUTH)
    assert (tie["skill_pct"], worse["skill_pct"]) == (0.0, -100.0)


def test_evaluate_scores_without_an_anomaly():
    metrics = evaluate_scores({"autoencoder": GOOD, "pca": BAD}, np.zeros(4, dtype=bool))
    assert (metrics["average_precision"], metrics["skill_pct"]) == (0.0, 0.0)


def test_evaluate_alarms_by_hand():
    alarm = np.array([True, True, False, False, True, False, False, False])
    truth = np.array([True, False, True, False, True, True, False, False])
    metrics = evaluate_alarms(alarm, truth)
    assert metrics["precision"] == pytest.approx(2 / 3)
    assert metrics["recall"] == 0.5
    assert metrics["f1"] == pytest.approx(4 / 7)
    assert metrics["false_alarms_per_1000"] == 125.0


@pytest.mark.parametrize(("alarm", "truth"), [(False, True), (False, False), (True, False)])
def test_evaluate_alarms_of_nothing(alarm, truth):
    metrics = evaluate_alarms(np.full(4, alarm), np.full(4, truth))
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (0.0, 0.0, 0.0)
    assert metrics["false_alarms_per_1000"] == (1000.0 if alarm else 0.0)
