"""Scores from reconstruction errors, by hand with stubs for the network."""

import numpy as np
import pytest
import torch
from torch import nn

from pipelines_lib.anomaly.baselines import Energy
from pipelines_lib.anomaly.scoring import score_steps
from pipelines_lib.models import LSTMAutoencoder
from pipelines_lib.training import WindowData

NAN = float("nan")


class OffByPlace(nn.Module):
    """Rebuild every step too high by its place in the window: the errors are 0, 1, 4, ..."""

    def forward(self, window):
        return window + torch.arange(window.shape[1])[None, :, None]


def data_of(inputs, lookback=3, sampling_rate=1) -> WindowData:
    return WindowData.make(
        np.asarray(inputs, dtype=float),
        lookback=lookback,
        sampling_rate=sampling_rate,
        device=torch.device("cpu"),
    )


def test_score_steps_averages_over_the_windows_that_cover_a_step():
    score, _ = score_steps(
        OffByPlace(), data_of(np.zeros((5, 1))), np.array([2, 3, 4]), mode="retrospective"
    )
    # Step 2 is the last of window 2, the middle of window 3, the first of window 4.
    expected = [0, (1 + 0) / 2, (4 + 1 + 0) / 3, (4 + 1) / 2, 4]
    assert score.tolist() == pytest.approx(expected)


def test_score_steps_takes_the_window_that_ends_at_the_step_when_causal():
    score, _ = score_steps(
        OffByPlace(), data_of(np.zeros((5, 1))), np.array([2, 3, 4]), mode="causal"
    )
    np.testing.assert_array_equal(score, [NAN, NAN, 4, 4, 4])


def test_score_steps_knows_no_score_where_no_window_is():
    score, _ = score_steps(
        OffByPlace(), data_of(np.zeros((6, 1))), np.array([3]), mode="retrospective"
    )
    np.testing.assert_array_equal(score, [NAN, 0, 1, 4, NAN, NAN])


def test_score_steps_scores_the_steps_of_sparse_windows():
    data = data_of(np.zeros((5, 1)), sampling_rate=2)
    score, _ = score_steps(OffByPlace(), data, np.array([4]), mode="retrospective")
    np.testing.assert_array_equal(score, [0, NAN, 1, NAN, 4])


def test_score_steps_averages_features_and_names_the_strongest():
    score, strongest = score_steps(
        Energy(), data_of([[1, 2], [3, 0], [0, 0]], lookback=2), np.array([1]), mode="retrospective"
    )
    np.testing.assert_array_equal(score, [(1 + 4) / 2, 9 / 2, NAN])
    assert strongest[:2].tolist() == [1, 0]


def test_score_steps_of_no_windows():
    score, strongest = score_steps(
        Energy(), data_of(np.zeros((3, 2))), np.array([], dtype=int), mode="causal"
    )
    assert np.isnan(score).all()
    assert strongest.shape == (3,)


def test_score_steps_turns_dropout_off():
    torch.manual_seed(0)
    network = LSTMAutoencoder(n_features=1, hidden=4, layers=1, dropout=0.5).train()
    data, origins = data_of(np.arange(9.0)[:, None]), np.arange(2, 9)
    one, _ = score_steps(network, data, origins, mode="causal")
    other, _ = score_steps(network, data, origins, mode="causal")
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("mode", "untouched"), [("causal", 30), ("retrospective", 30 - 4)], ids=str
)
def test_score_steps_does_not_look_further_than_its_mode_says(mode, untouched):
    torch.manual_seed(0)
    network = LSTMAutoencoder(n_features=2, hidden=4, layers=1, dropout=0.0)
    inputs = np.random.default_rng(0).normal(size=(50, 2))
    future = inputs.copy()
    future[30:] *= -5
    before, _ = score_steps(network, data_of(inputs, 5), np.arange(4, 50), mode=mode)
    after, _ = score_steps(network, data_of(future, 5), np.arange(4, 50), mode=mode)
    np.testing.assert_array_equal(before[:untouched], after[:untouched])
    assert (before[untouched:] != after[untouched:]).all()
