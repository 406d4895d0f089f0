"""Range-based figures: by hand, and as TSB_AD 1.5 gives them for a flat bias."""

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import judge_ranges
from pipelines_lib.errors import SeriesError

TRUE = np.array([[10, 19]])
PREDICTED = np.array([[8, 14], [17, 17]])

MANY = np.array([[0, 9], [100, 130], [140, 140], [290, 299]])
SCATTERED = np.array([[5, 5], [60, 75], [111, 112], [128, 138], [200, 201], [299, 299]])


def test_judge_ranges_divides_the_share_by_the_number_of_pieces():
    got = judge_ranges(PREDICTED, TRUE, n_steps=30)
    assert got.recall == pytest.approx(0.2 + 0.8 * (6 / 10) / 2)
    assert got.precision == pytest.approx((5 / 7 + 1) / 2)
    both = got.precision + got.recall
    assert got.f1 == pytest.approx(2 * got.precision * got.recall / both)


# Of ten steps the first five and the eighth are predicted; their weights by position:
@pytest.mark.parametrize(
    ("bias", "share"),
    [
        ("flat", 6 / 10),
        ("front", (10 + 9 + 8 + 7 + 6 + 3) / 55),
        ("back", (1 + 2 + 3 + 4 + 5 + 8) / 55),
        ("middle", (1 + 2 + 3 + 4 + 5 + 3) / 30),
    ],
)
def test_judge_ranges_weighs_by_position(bias, share):
    got = judge_ranges(PREDICTED, TRUE, n_steps=30, alpha=0, bias=bias)
    assert got.recall == pytest.approx(share / 2)


def test_judge_ranges_weighs_the_middle_of_an_odd_range():
    predicted = np.array([[2, 3]])  # steps 3 and 4 of five, which weigh 1 2 3 2 1
    got = judge_ranges(predicted, np.array([[0, 4]]), n_steps=9, alpha=0, bias="middle")
    assert got.recall == pytest.approx(5 / 9)


def test_judge_ranges_with_alpha_one_rewards_existence_only():
    got = judge_ranges(np.array([[19, 25]]), TRUE, n_steps=30, alpha=1)
    assert got.recall == 1


@pytest.mark.parametrize(
    ("predicted", "precision", "recall", "f1"),
    [
        (SCATTERED, 0.5454545454545454, 0.20612903225806453, 0.29919232119864214),
        (np.array([[50, 280]]), 0.06926406926406926, 0.5, 0.12167300380228137),
        (np.array([[20, 20]]), 0, 0, 0),
    ],
)
def test_judge_ranges_agrees_with_the_reference(predicted, precision, recall, f1):
    got = judge_ranges(predicted, MANY, n_steps=300)
    assert (got.precision, got.recall, got.f1) == pytest.approx((precision, recall, f1), abs=1e-9)


def test_judge_ranges_over_nothing_is_zero():
    none = np.empty((0, 2))
    silent = judge_ranges(none, TRUE, n_steps=30)
    assert (silent.precision, silent.recall, silent.f1) == (0, 0, 0)
    assert judge_ranges(PREDICTED, none, n_steps=30).f1 == 0


def test_judge_ranges_refuses_a_weight_beyond_one():
    with pytest.raises(SeriesError, match=r"alpha 1\.5"):
        judge_ranges(PREDICTED, TRUE, n_steps=30, alpha=1.5)
