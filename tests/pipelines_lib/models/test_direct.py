"""The networks without recurrence: the linear map and the convolution."""

from dataclasses import replace

import pytest
import torch

from tests.pipelines_lib.models.batches import make_inputs, make_network


def moved_by(network, inputs, step: int, column: int) -> bool:
    """Return whether a change of one value of the window changes every window's forecast."""
    changed = inputs.past.clone()
    changed[:, step, column] += 1.0
    return bool((network(replace(inputs, past=changed)) != network(inputs)).any(1).all())


def test_linear_maps_the_targets_lookback_and_the_newest_of_other_inputs():
    network, inputs = make_network(model="linear").eval(), make_inputs()
    assert all(moved_by(network, inputs, step, 0) for step in range(12))
    assert [moved_by(network, inputs, step, 1) for step in range(12)] == [False] * 11 + [True]


def test_linear_is_linear():
    network, inputs = make_network(model="linear", n_future=2), make_inputs(n_future=2)
    other = make_inputs(n_future=2, seed=1)
    both = replace(inputs, past=inputs.past + other.past, future=inputs.future + other.future)
    nothing = replace(inputs, past=0 * inputs.past, future=0 * inputs.future)
    torch.testing.assert_close(network(both) + network(nothing), network(inputs) + network(other))


@pytest.mark.parametrize(
    ("layers", "kernel", "sees"), [(1, 3, 3), (2, 3, 7), (1, 5, 5), (2, 4, 10), (3, 2, 8)]
)
def test_convolution_sees_as_many_steps_as_its_layers_reach(layers, kernel, sees):
    network = make_network(model="convolution", layers=layers, kernel=kernel, hidden=32).eval()
    inputs = make_inputs()
    seen = [moved_by(network, inputs, step, 0) for step in range(12)]
    assert seen == [False] * (12 - sees) + [True] * sees


def test_convolution_reaches_no_further_than_the_lookback():
    network = make_network(model="convolution", layers=8, kernel=3)
    assert network.reaches == [2, 4, 8, 10, 10, 10, 10, 10]
    assert network(make_inputs()).shape == (6, 5, 1)


def test_convolution_drops_out_in_training_only():
    network, inputs = make_network(model="convolution", dropout=0.5), make_inputs()
    assert not torch.equal(network(inputs), network(inputs))
    network.eval()
    assert torch.equal(network(inputs), network(inputs))
