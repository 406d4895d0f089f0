"""The dominant period, as TSB_AD 1.5 finds it."""

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import find_width


def wave(n, period):
    return np.sin(2 * np.pi * np.arange(n) / period)


# The answers of TSB_AD's find_length_rank(rank=1).
RECORDED = {
    "a day of hours": (wave(1000, 24), 24),
    "not a whole number": (wave(1000, 37.5), 37),
    "longest": (wave(5000, 303), 303),
    "too long": (wave(5000, 350), 125),
    "too short": (wave(1000, 5), 125),
    "odd length": (wave(109, 20), 20),
    "where both periods meet": (wave(3000, 30) + 2 * wave(3000, 100), 300),
    "trend": (np.arange(1000.0), 125),
    "changes after the head": (np.append(wave(20_000, 24), 50 * wave(20_000, 90)), 24),
}


@pytest.mark.parametrize("case", RECORDED)
def test_find_width_agrees_with_the_reference(case):
    values, width = RECORDED[case]
    assert find_width(values) == width


@pytest.mark.parametrize("values", [np.full(500, 0.1), np.ones(2), np.append(wave(90, 9), np.nan)])
def test_find_width_falls_back_where_there_is_no_period(values):
    assert find_width(values) == 125
