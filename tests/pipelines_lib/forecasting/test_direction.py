"""Directions against the commoner one."""

import numpy as np
import pytest

from pipelines_lib.forecasting.direction import direction_test
from pipelines_lib.forecasting.metrics import Judged


def judge(moves, named):
    """Return a window a day of one series that stands at 0, with one step ahead."""
    actual, made = (np.asarray(values, dtype=float)[:, None] for values in (moves, named))
    n = len(actual)
    return Judged(
        ["A"], np.array([1]), np.zeros(n, int), np.arange(n), np.zeros(n, "datetime64[us]"),
        np.zeros(n), actual, {"model": made}, made, made, np.ones(n), None,
    )  # fmt: skip


@pytest.fixture
def moves():
    return np.random.default_rng(0).normal(0.2, 1.0, 200)


def test_direction_test_of_a_model_that_is_mostly_right(moves):
    named = np.where(np.arange(200) % 10 == 0, -moves, moves)
    test = direction_test(judge(moves, named))
    commoner = max((moves > 0).mean(), (moves < 0).mean())
    assert test.difference == pytest.approx(0.1 - (1 - commoner))
    assert test.better


def test_direction_test_does_not_praise_naming_the_commoner_direction(moves):
    test = direction_test(judge(moves, np.ones(200)))
    assert (test.difference, test.p) == (0.0, 1.0)


def test_direction_test_counts_moved_steps_only(moves):
    halted = np.where(np.arange(200) % 2, 0.0, moves)
    assert direction_test(judge(halted, moves)).origins == 100


@pytest.mark.parametrize("still", ["moves", "named"])
def test_direction_test_of_what_never_moves(moves, still):
    assert direction_test(judge(**{"moves": moves, "named": moves, still: np.zeros(200)})) is None
