"""Calibration: by hand where it can be, and that an overconfident network is brought down."""

import numpy as np
import pytest

from pipelines_lib.sentiment.calibration import (
    TEMPERATURES,
    Mixture,
    calibration_error,
    fit_mixture,
    log_loss,
)


def make_logits(n=4000, *, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """Return well calibrated logits (1, N, 1, 3) and classes drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 3))
    targets = (logits + rng.gumbel(size=(n, 3))).argmax(axis=1)  # a draw from the softmax
    return logits[None, :, None], targets


@pytest.mark.parametrize("factor", [3.0, 1.0, 0.4])
def test_fit_mixture_finds_the_temperature(factor):
    logits, targets = make_logits()
    assert fit_mixture(factor * logits, targets).temperature == pytest.approx(factor, rel=0.06)


def test_fit_mixture_makes_an_overconfident_network_tell_the_truth():
    logits, targets = make_logits()
    checked, judged = slice(0, 2000), slice(2000, None)
    mixture = fit_mixture(4 * logits[:, checked], targets[checked])
    errors = []
    for one in (Mixture((1.0,), 1.0), mixture):
        probabilities = one.probabilities(4 * logits[:, judged])
        right = probabilities.argmax(axis=1) == targets[judged]
        errors.append(calibration_error(probabilities, right))
    assert errors[0] > 0.15
    assert errors[1] < 0.04


def test_fit_mixture_trusts_the_answer_that_knows():
    logits, targets = make_logits()
    noise, other = np.random.default_rng(1).normal(0, 1.5, (2, *logits.shape))
    for place in range(3):
        answers = [noise, other]
        answers.insert(place, logits)
        shares = fit_mixture(np.concatenate(answers, 2), targets).shares
        assert sum(shares) == pytest.approx(1)
        assert shares[place] > 0.85


def test_fit_mixture_shares_between_answers_that_each_know_a_part():
    logits, targets = make_logits()
    part = np.random.default_rng(1).normal(0, 1.0, logits.shape)
    both = np.concatenate((logits + part, logits - part), axis=2)
    mixture = fit_mixture(both, targets)
    assert mixture.shares == pytest.approx((0.5, 0.5), abs=0.05)
    assert mixture.temperature == pytest.approx(1.0, abs=0.1)


def test_fit_mixture_stays_in_reason_where_all_is_right():
    logits = np.array([[2.0, 0.0], [0.0, 2.0]])[None, :, None]
    assert fit_mixture(logits, np.array([0, 1])).temperature == pytest.approx(TEMPERATURES[0])


def test_fit_mixture_of_answers_that_know_nothing_is_as_unsure_as_can_be():
    logits, targets = make_logits()
    mixture = fit_mixture(-logits, targets)
    assert mixture == Mixture((1.0,), TEMPERATURES[1])


def test_mixture_averages_the_members_probabilities():
    # Odds 3 : 1 and 1 : 1, and their mean.
    logits = np.log(np.array([[3.0, 1.0], [1.0, 1.0]]))[:, None, None]
    found = Mixture((1.0,), 1.0).probabilities(logits)
    np.testing.assert_allclose(found, [[0.625, 0.375]])


def test_mixture_sums_answers_and_divides_by_the_temperature():
    logits = np.array([[4.0, 0.0], [0.0, 2.0]])[None, None]
    # 0.75 x (4, 0) + 0.25 x (0, 2) = (3, 0.5); halved: 1.25 apart.
    found = Mixture((0.75, 0.25), 2.0).probabilities(logits)
    expected = 1 / (1 + np.exp(-1.25))
    np.testing.assert_allclose(found, [[expected, 1 - expected]])


def test_calibration_error_by_hand():
    # Bins of a fifteenth: 0.95 and 0.97 share the last, 0.6 stands alone.
    probabilities = np.array([[0.95, 0.05], [0.97, 0.03], [0.4, 0.6]])
    right = np.array([True, False, True])
    # (|1 - 1.92| + |1 - 0.6|) / 3
    assert calibration_error(probabilities, right) == pytest.approx((0.92 + 0.4) / 3)


def test_calibration_error_is_nothing_where_being_sure_is_being_right():
    assert calibration_error(np.eye(2), np.array([True, True])) == 0


def test_log_loss_by_hand():
    logs = np.log(np.array([[0.5, 0.5], [0.2, 0.8]]))
    assert log_loss(logs, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2)
