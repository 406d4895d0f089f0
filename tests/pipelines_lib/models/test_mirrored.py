"""Mirroring: windows upside down in training, nothing in evaluation."""

from dataclasses import replace

import torch

from pipelines_lib.models import Inputs, Network
from pipelines_lib.models.mirrored import Mirrored
from tests.pipelines_lib.models.batches import make_inputs, make_network


class Echo(Network):
    """Answer three levels around the target's newest step, and note what was seen."""

    def forward(self, inputs: Inputs) -> torch.Tensor:
        self.seen = inputs
        newest = inputs.past[:, -1:, 0]
        return torch.stack([newest - 1, newest, newest + 3], dim=-1)


def test_mirrored_turns_half_of_the_targets_and_the_answers_back():
    torch.manual_seed(0)
    network = Mirrored(Echo()).train()
    inputs = make_inputs(400)
    inputs = replace(inputs, targets=inputs.past[:, :5, 0])
    made = network(inputs)
    seen = network.network.seen
    sign = seen.past[:, 0, 0] / inputs.past[:, 0, 0]
    assert 0.4 < (sign < 0).float().mean() < 0.6
    assert torch.equal(seen.past[..., 1:], inputs.past[..., 1:])
    torch.testing.assert_close(seen.targets, inputs.targets * sign[:, None])
    newest = inputs.past[:, -1, 0]
    torch.testing.assert_close(made[:, 0, 1], newest)
    torch.testing.assert_close(made[sign < 0][:, 0, 0], newest[sign < 0] - 3)
    torch.testing.assert_close(made[sign < 0][:, 0, 2], newest[sign < 0] + 1)
    assert (made[..., 0] < made[..., 2]).all()


def test_mirrored_leaves_evaluation_alone():
    inputs = make_inputs()
    plain, mirrored = make_network().eval(), make_network(mirror=True).eval()
    assert torch.equal(plain(inputs), mirrored(inputs))


def test_mirrored_draws_in_training():
    inputs = make_inputs()
    network = make_network(mirror=True).train()
    assert not torch.equal(network(inputs), network(inputs))
