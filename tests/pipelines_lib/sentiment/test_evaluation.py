"""Scores of classes, and McNemar's test, by hand."""

import numpy as np
import pytest

from pipelines_lib.sentiment.calibration import Mixture
from pipelines_lib.sentiment.evaluation import (
    brier,
    compare_right,
    count_confusion,
    macro_f1,
    score_classes,
)
from pipelines_lib.sentiment.judge import judge

TARGETS = np.array([0, 0, 0, 1, 1, 2])
CHOSEN = np.array([0, 0, 1, 1, 0, 0])


def right_and_wrong(only_first, only_second, both=10):
    first = np.repeat([True, False, True], [only_first, only_second, both])
    second = np.repeat([False, True, True], [only_first, only_second, both])
    return first, second


def test_count_confusion_by_hand():
    assert count_confusion(TARGETS, CHOSEN, 3).tolist() == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]


def test_score_classes_by_hand():
    found = score_classes(count_confusion(TARGETS, CHOSEN, 3), ["a", "b", "c"])
    assert [one.name for one in found] == ["a", "b", "c"]
    assert [one.documents for one in found] == [3, 2, 1]
    assert [one.precision for one in found] == pytest.approx([2 / 4, 1 / 2, 0])
    assert [one.recall for one in found] == pytest.approx([2 / 3, 1 / 2, 0])
    assert [one.f1 for one in found] == pytest.approx([4 / 7, 1 / 2, 0])


def test_macro_f1_by_hand():
    assert macro_f1(count_confusion(TARGETS, CHOSEN, 3)) == pytest.approx((4 / 7 + 1 / 2) / 3)


def test_macro_f1_leaves_out_a_class_that_nothing_is_or_is_told_to_be():
    assert macro_f1(count_confusion(TARGETS, CHOSEN, 4)) == pytest.approx((4 / 7 + 1 / 2) / 3)


def test_brier_by_hand():
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7]])
    found = brier(probabilities, np.array([0, 0]))
    assert found == pytest.approx((2 * 0.04 + 2 * 0.49) / 2)


def test_compare_right_is_exact_where_few_differ():
    # 1 and 7 of 8: 2 (1 + 8) / 2^8.
    found = compare_right(*right_and_wrong(1, 7))
    assert (found.only_first, found.only_second, found.difference) == (1, 7, -6)
    assert found.p == pytest.approx(18 / 256)


def test_compare_right_takes_the_chi_square_where_many_differ():
    # (|60 - 40| - 1)^2 / 100 = 3.61, as in any table of the chi-square distribution.
    assert compare_right(*right_and_wrong(60, 40)).p == pytest.approx(0.0574, abs=1e-4)


@pytest.mark.parametrize("alike", [0, 3, 40])
def test_compare_right_finds_nothing_where_as_many_differ_both_ways(alike):
    assert compare_right(*right_and_wrong(alike, alike)).p > 0.85


def test_judge_reckons_all_metrics_of_answers_by_hand():
    # The recurrent answer is right on 3 of 4, the n-grams on 2, their sum on 3.
    recurrent = [[2.0, 0], [2, 0], [0, 2], [2, 0]]
    ngrams = [[1.0, 0], [0, 1], [1, 0], [0, 1]]
    logits = np.stack((recurrent, ngrams), axis=1)[None]
    found = judge(
        logits,
        np.array([0, 0, 1, 1]),
        mixture=Mixture((0.5, 0.5), 1.0),
        answers=["lstm", "ngrams"],
        classes=["no", "yes"],
        baseline=np.array([1, 1, 1, 1]),
        usual=0,
    )
    metrics = found.metrics
    assert metrics["accuracy"] == 0.75
    assert metrics["accuracy_lstm"] == 0.75
    assert metrics["accuracy_ngrams"] == 0.5
    assert metrics["accuracy_baseline"] == 0.5
    assert metrics["accuracy_majority"] == 0.5
    assert metrics["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert metrics["macro_f1_baseline"] == pytest.approx((0 + 2 / 3) / 2)
    assert metrics["mcnemar_p_vs_baseline"] == 1.0
    assert metrics["ece"] == metrics["ece_uncalibrated"]
    assert found.confusion.tolist() == [[2, 0], [1, 1]]
    assert (found.versus_baseline.only_first, found.versus_baseline.only_second) == (2, 1)
