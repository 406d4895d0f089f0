"""Volumes under the surface, against figures of TSB_AD 1.5 recorded on the same input."""

import time

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import Volumes, vus
from pipelines_lib.errors import SeriesError


def mixed_scores(n):
    """Return n scores in 0..1 without order, the same on every machine."""
    return np.arange(1, n + 1) * 7919 % 1009 / 1009


def flags(n, *ranges):
    marked = np.zeros(n, dtype=bool)
    for start, end in ranges:
        marked[start : end + 1] = True
    return marked


TWO = flags(600, (100, 130), (400, 409))
BUMP = np.exp(-(((np.arange(500) - 215) / 8) ** 2)) + 0.3 * mixed_scores(500)
RECORDED = {
    "no order": (mixed_scores(600), TWO, 25, 0.11368087044584271, 0.62335430849579),
    "ties": (np.floor(mixed_scores(600) * 4), TWO, 25, 0.10259643281814665, 0.614313239726194),
    "constant": (np.ones(300), flags(300, (50, 59)), 12, 0.0486395218044635, 0.504005629439727),
    "at both ends": (
        mixed_scores(400),
        flags(400, (0, 4), (390, 399)),
        30,
        0.07012789743570585,
        0.6711130542208166,
    ),
    "softened parts that touch": (
        mixed_scores(400),
        flags(400, (100, 110), (112, 112), (118, 130), (150, 151)),
        21,
        0.13199893154495848,
        0.6766809175525349,
    ),
    "no width": (
        mixed_scores(400),
        flags(400, (100, 110)),
        0,
        0.02757092092769422,
        0.46693152605749005,
    ),
    "fewer steps than thresholds": (
        mixed_scores(40),
        flags(40, (10, 12)),
        7,
        0.12319726459261966,
        0.45158446052825885,
    ),
    "one range found": (
        BUMP,
        flags(500, (200, 220), (300, 305)),
        16,
        0.6090574529745287,
        0.8840393852624047,
    ),
}


@pytest.mark.parametrize("case", RECORDED)
def test_vus_agrees_with_the_reference(case):
    scores, labels, width, pr, roc = RECORDED[case]
    got = vus(scores, labels, width=width)
    assert got.vus_pr == pytest.approx(pr, abs=1e-9)
    assert got.vus_roc == pytest.approx(roc, abs=1e-9)


def test_vus_of_scores_that_equal_the_labels_without_width_is_one():
    assert vus(TWO.astype(float), TWO, width=0) == Volumes(1.0, 1.0)


@pytest.mark.parametrize("labels", [np.zeros(50, bool), np.ones(50, bool)])
def test_vus_is_not_defined_without_both_kinds_of_steps(labels):
    got = vus(mixed_scores(50), labels, width=5)
    assert np.isnan([got.vus_pr, got.vus_roc]).all()


def test_vus_sees_only_the_order_of_scores():
    scores = mixed_scores(600)
    assert vus(np.exp(5 * scores), TWO, width=25) == vus(scores, TWO, width=25)


def test_vus_refuses_what_it_cannot_rank():
    broken = mixed_scores(600)
    broken[7] = np.nan
    with pytest.raises(SeriesError, match="step 7"):
        vus(broken, TWO, width=5)
    with pytest.raises(SeriesError, match="shape"):
        vus(mixed_scores(599), TWO, width=5)
    with pytest.raises(SeriesError, match="negative"):
        vus(mixed_scores(600), TWO, width=-1)
    with pytest.raises(SeriesError, match="other than 0 and 1"):
        vus(mixed_scores(600), TWO * 2, width=5)


def test_vus_of_a_long_series_takes_no_minutes():
    began = time.process_time()
    vus(mixed_scores(200_000), flags(200_000, (5_000, 5_400), (90_000, 90_001)), width=300)
    assert time.process_time() - began < 3
