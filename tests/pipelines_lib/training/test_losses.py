"""Losses, reckoned by hand."""

import numpy as np
import pytest
import torch

from pipelines_lib.training import LOSSES, pinball, point


def test_pinball_by_hand():
    loss = pinball([0.1, 0.5, 0.9])
    targets = torch.tensor([[2.0], [2.0]])  # (B, H) = (2, 1)
    low, high = [[1.0, 1.0, 1.0]], [[3.0, 3.0, 3.0]]
    # Too low by 1: 0.1, 0.5, 0.9; too high by 1: 0.9, 0.5, 0.1.
    assert loss(torch.tensor([low]), targets[:1]).item() == pytest.approx(0.5)
    assert pinball([0.1])(torch.tensor([[[1.0]]]), targets[:1]).item() == pytest.approx(0.1)
    assert pinball([0.1])(torch.tensor([[[3.0]]]), targets[:1]).item() == pytest.approx(0.9)
    skewed = torch.tensor([low, high])
    skewed[:, :, 2] = 2.0
    assert loss(skewed, targets).item() == pytest.approx((0.1 + 0.5 + 0.9 + 0.5) / 6)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_pinball_is_least_at_the_quantile(level):
    truth = torch.linspace(0, 1, 101).unsqueeze(1)
    guesses = np.linspace(0, 1, 41)
    costs = [float(pinball([level])(torch.full((101, 1, 1), g), truth)) for g in guesses]
    assert guesses[int(np.argmin(costs))] == pytest.approx(level)


def test_pinball_is_half_the_absolute_error_at_the_median():
    predicted, targets = torch.tensor([[[1.0], [4.0]]]), torch.tensor([[2.0, 2.0]])
    assert pinball([0.5])(predicted, targets).item() == pytest.approx(0.75)


@pytest.mark.parametrize(("name", "expected"), [("mse", 2.5), ("mae", 1.5), ("huber", 1.0)])
def test_point_drops_the_axis_of_levels(name, expected):
    predicted, targets = torch.tensor([[[1.0], [4.0]]]), torch.tensor([[2.0, 2.0]])
    assert point(LOSSES[name])(predicted, targets).item() == pytest.approx(expected)
