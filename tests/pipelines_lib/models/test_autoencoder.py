"""The autoencoder's network: all that is rebuilt has passed through a few numbers."""

import numpy as np
import pytest
import torch

from pipelines_lib.errors import ConfigError
from pipelines_lib.models import Autoencoder, normalise_windows
from pipelines_lib.models.cells import Cell


def make(*, hidden=8, layers=1, dropout=0.0, kind="lstm", **more) -> Autoencoder:
    torch.manual_seed(0)
    cell = Cell(hidden=hidden, layers=layers, dropout=dropout, kind=kind)
    return Autoencoder(
        cell, **{"lookback": 12, "segment_steps": 4, "n_features": 3, "bottleneck": 2, **more}
    )


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize(("layers", "lookback", "steps"), [(1, 12, 4), (2, 12, 12), (1, 7, 1)])
def test_forward_rebuilds_the_window_in_its_shape(kind, layers, lookback, steps):
    network = make(kind=kind, layers=layers, lookback=lookback, segment_steps=steps)
    assert network(torch.zeros(5, lookback, 3)).shape == (5, lookback, 3)


def test_forward_rebuilds_each_window_alone():
    network, windows = make().eval(), torch.randn(6, 12, 3)
    alone = torch.cat([network(window[None]) for window in windows])
    torch.testing.assert_close(network(windows), alone, rtol=0, atol=1e-6)


def test_forward_drops_out_in_training_only():
    network, windows = make(dropout=0.5), torch.randn(4, 12, 3)
    network.train()
    assert not torch.equal(network(windows), network(windows))
    network.eval()
    assert torch.equal(network(windows), network(windows))


def test_forward_takes_a_recurrent_step_for_each_segment():
    network = make(lookback=12, segment_steps=4)
    assert network.position.shape == (3, 8)
    assert network.embed.in_features == network.head.out_features == 4 * 3
    assert make(lookback=12, segment_steps=1).position.shape == (12, 8)


def test_forward_rebuilds_from_the_bottleneck_alone():
    network, windows = make().eval(), torch.randn(4, 12, 3)
    with torch.no_grad():  # a bottleneck that nothing passes
        network.squeeze.weight.zero_()
    rebuilt = network(windows)
    assert torch.equal(rebuilt, network(windows + torch.randn(4, 12, 3)))
    assert torch.equal(rebuilt[0], rebuilt[3])


def test_forward_sees_every_segment_of_the_window():
    network, windows = make().eval(), torch.randn(1, 12, 3)
    before = network(windows)
    for step in (0, 5, 11):
        changed = windows.clone()
        changed[0, step] += 1.0
        assert (network(changed) != before).all()


def test_forward_tells_the_segments_of_a_window_apart():
    rebuilt = make().eval()(torch.ones(1, 12, 3))
    assert len({tuple(step) for step in rebuilt[0].tolist()}) == 12


def test_autoencoder_refuses_a_lookback_that_is_no_multiple_of_the_segment():
    with pytest.raises(ConfigError, match="lookback 13 is no multiple of the segment of 4 steps"):
        make(lookback=13)


def test_normalise_windows_by_hand():
    windows = torch.tensor([[[1.0, 5.0], [3.0, 5.0]], [[0.0, 0.01], [0.0, -0.01]]])
    normal, center, spread = normalise_windows(windows)
    np.testing.assert_allclose(center[:, 0], [[2, 5], [0, 0]], atol=1e-7)
    np.testing.assert_allclose(spread[:, 0], [[1, 0.1], [0.1, 0.1]])
    np.testing.assert_allclose(normal[:, :, 0], [[-1, 1], [0, 0]])
    np.testing.assert_allclose(normal[:, :, 1], [[0, 0], [0.1, -0.1]], atol=1e-6)
    torch.testing.assert_close(normal * spread + center, windows)
