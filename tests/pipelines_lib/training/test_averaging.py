"""The average of the weights, and that nothing else sees it."""

import pytest
import torch
from torch import nn

from pipelines_lib.training.averaging import WeightAverage


@pytest.fixture
def weight():
    return nn.ParameterList([nn.Parameter(torch.tensor([1.0]))])


def set_weight(model, value):
    with torch.no_grad():
        model[0].fill_(value)


def test_update_by_hand(weight):
    average = WeightAverage(weight, 0.2)
    set_weight(weight, 2.0)
    average.update(1)  # decay 2 / 11, below 0.2
    assert average.state()["0"].item() == pytest.approx(2 - 2 / 11)
    set_weight(weight, 3.0)
    average.update(2)  # 3 / 12 is above 0.2
    assert average.state()["0"].item() == pytest.approx(0.2 * (2 - 2 / 11) + 0.8 * 3)
    assert weight[0].item() == 3.0


def test_in_use_gives_the_weights_back_even_after_a_failure(weight):
    average = WeightAverage(weight, 0.9)
    set_weight(weight, 5.0)
    with average.in_use():
        assert weight[0].item() == 1.0
    assert weight[0].item() == 5.0
    with pytest.raises(RuntimeError), average.in_use():
        raise RuntimeError
    assert weight[0].item() == 5.0
    assert weight[0].requires_grad


def test_without_decay_the_weights_are_their_own_average(weight):
    average = WeightAverage(weight, 0.0)
    set_weight(weight, 5.0)
    average.update(1)
    with average.in_use():
        assert weight[0].item() == 5.0
    assert average.state() == {}


def test_restore_goes_on_from_a_state(weight):
    average = WeightAverage(weight, 0.5)
    average.restore({"0": torch.tensor([7.0])})
    with average.in_use():
        assert weight[0].item() == 7.0
