"""From errors to scores with parts by hand: smoothing, the widths of both modes, features."""

from dataclasses import dataclass

import numpy as np
import pytest

from pipelines_lib.anomaly.fusion import Past
from pipelines_lib.anomaly.scoring import score_stretch, smoothed_errors
from tests.pipelines_lib.anomaly.stretches import NAN, stretch_of


@dataclass(frozen=True)
class Given:
    """A part whose errors are the inputs themselves, where they are asked for."""

    name: str = "given"

    def errors(self, stretch, wanted):
        return np.where(wanted[:, None], np.abs(stretch.inputs), np.nan)

    def expected(self, stretch, wanted):
        return None


def score(stretch, due, *, past=None, **weights):
    parts = {name: Given(name) for name in weights}
    past = Past.nothing(len(stretch.offsets) - 1) if past is None else past
    return score_stretch(
        stretch, due, parts=parts, weights=weights, pasts=dict.fromkeys(parts, past)
    )


@pytest.mark.parametrize(
    ("smoothing", "expected"),
    [
        (1, [0.0, 6.0, 0.0, 0.0, 3.0, 0.0]),
        (4, [0.0, 3.0, 3.0, 0.0, 3.0, 1.5]),  # over half of it: 2 steps
        (5, [0.0, 3.0, 2.0, 2.0, 3.0, 1.5]),  # 3 steps
    ],
)
def test_smoothed_errors_causal_average_over_the_last_half_of_the_smoothing(smoothing, expected):
    stretch = stretch_of([0.0, 6.0, 0.0, 0.0], [3.0, 0.0], smoothing=smoothing)
    found = smoothed_errors(stretch, np.ones(6, dtype=bool), Given())
    np.testing.assert_allclose(found[:, 0], expected)


def test_smoothed_errors_causal_ask_for_the_steps_that_due_ones_average_over():
    stretch = stretch_of(np.arange(20.0), smoothing=8)
    due = np.arange(20) == 15
    assert smoothed_errors(stretch, due, Given())[15, 0] == np.mean([12, 13, 14, 15])


def test_smoothed_errors_leave_parts_that_look_over_many_steps_by_themselves():
    stretch = stretch_of([0.0, 6.0, 0.0], smoothing=9)
    for name in ("shift", "robust_z"):
        found = smoothed_errors(stretch, np.ones(3, dtype=bool), Given(name))
        assert found[:, 0].tolist() == [0.0, 6.0, 0.0]


def test_smoothed_errors_retrospective_average_twice_around_a_step():
    spike = [0.0] * 4 + [9.0] + [0.0] * 4
    stretch = stretch_of(spike, smoothing=2, mode="retrospective")
    found = smoothed_errors(stretch, np.zeros(9, dtype=bool), Given())
    # Twice over 3 steps, half as much again as the smoothing: a triangle.
    np.testing.assert_allclose(found[:, 0], [0, 0, 1, 2, 3, 2, 1, 0, 0], atol=1e-12)


def test_score_stretch_scores_due_rows_against_the_past():
    past = Past(np.array([30.0]), np.array([60.0]), np.array([30 * 5.0]))  # mean 2, deviation 1
    stretch = stretch_of([9.0, 2.0 + np.e - 1, 1.0])
    scored = score(stretch, np.array([False, True, True]), past=past, one=1.0)
    assert scored.rows.tolist() == [1, 2]
    assert scored.score == pytest.approx([1.0, 0.0])
    assert scored.pasts["one"].n.tolist() == [32.0]


def test_score_stretch_scores_a_part_without_weight_alone():
    past = Past(np.array([30.0]), np.array([60.0]), np.array([30 * 5.0]))
    scored = score(stretch_of([2.0 + np.e - 1]), np.array([True]), past=past, one=1.0, other=0.0)
    assert scored.score == pytest.approx([1.0])
    assert scored.terms.tolist() == [[pytest.approx(1.0), 0.0]]
    assert scored.alone[0].tolist() == pytest.approx([1.0, 1.0])


def test_score_stretch_names_the_feature_that_is_most_wrong():
    inputs = np.r_[np.tile([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], (20, 1)), [[1, 9, 1], [3, 2, 5]]]
    scored = score(stretch_of(inputs), np.ones(42, dtype=bool), one=1.0)
    assert scored.feature[40:].tolist() == [1, 2]


def test_score_stretch_gives_no_score_to_a_missing_step_and_learns_nothing_from_it():
    stretch = stretch_of([1.0, NAN, 2.0, 5.0], smoothing=8)
    scored = score(stretch, np.array([True, True, True, False]), one=1.0)
    assert scored.rows.tolist() == [0, 2]
    assert scored.pasts["one"].n.tolist() == [2.0]
    assert scored.pasts["one"].total.tolist() == [1.0 + 1.5]


def test_score_stretch_retrospective_holds_an_error_against_all_of_its_series():
    values = [1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 12.0]
    scored = score(stretch_of(values, [5.0] * 4, mode="retrospective"), np.arange(13) >= 7, one=1.0)
    assert scored.score == pytest.approx([0.0, np.log1p(10 / 1.4826), 0.0, 0.0, 0.0, 0.0])
