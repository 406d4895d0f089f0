"""Thresholds, by hand."""

import numpy as np
import pytest

from pipelines_lib.anomaly.thresholds import fit_threshold
from pipelines_lib.errors import SeriesError


def test_fit_threshold_k_sigma():
    scores = np.array([1.0] * 10 + [3.0] * 10)  # mean 2, standard deviation 1
    assert fit_threshold(scores, kind="k_sigma", k=6.0, quantile=0.9) == 8.0


def test_fit_threshold_quantile():
    scores = np.arange(101.0)
    assert fit_threshold(scores, kind="quantile", k=6.0, quantile=0.99) == 99.0


def test_fit_threshold_leaves_unknown_scores_out():
    scores = np.concatenate([np.arange(101.0), [np.nan] * 50])
    assert fit_threshold(scores, kind="quantile", k=6.0, quantile=0.99) == 99.0


def test_fit_threshold_refuses_few_scores():
    scores = np.array([1.0] * 19 + [np.nan] * 9)
    with pytest.raises(SeriesError, match="19 calibration scores, a threshold needs 20: ingest"):
        fit_threshold(scores, kind="quantile", k=6.0, quantile=0.99)
