"""The autoencoder's network: all that is rebuilt has passed through one vector."""

import pytest
import torch

from pipelines_lib.models import LSTMAutoencoder


def make(**more) -> LSTMAutoencoder:
    torch.manual_seed(0)
    return LSTMAutoencoder(**{"n_features": 3, "hidden": 8, "layers": 1, "dropout": 0.0, **more})


@pytest.mark.parametrize(("layers", "lookback"), [(1, 2), (2, 7), (1, 30)])
def test_forward_rebuilds_the_window_in_its_shape(layers, lookback):
    assert make(layers=layers)(torch.zeros(5, lookback, 3)).shape == (5, lookback, 3)


def test_forward_rebuilds_each_window_alone():
    network, windows = make().eval(), torch.randn(6, 10, 3)
    alone = torch.cat([network(window[None]) for window in windows])
    torch.testing.assert_close(network(windows), alone, rtol=0, atol=1e-6)


def test_forward_drops_out_in_training_only():
    network, windows = make(dropout=0.5), torch.randn(4, 6, 3)
    network.train()
    assert not torch.equal(network(windows), network(windows))
    network.eval()
    assert torch.equal(network(windows), network(windows))


def test_forward_sees_the_window_through_the_encoders_last_state_only():
    network, windows = make().eval(), torch.randn(4, 6, 3)
    with torch.no_grad():  # an encoder without memory: its last state knows the last step alone
        network.encoder.weight_hh_l0.zero_()
        network.encoder.weight_ih_l0[8:16].zero_()
        network.encoder.bias_ih_l0[8:16] = -1e4
    before = network(windows)
    windows[:, :-1] = torch.randn(4, 5, 3)
    assert torch.equal(network(windows), before)
    windows[:, -1] += 1.0
    assert (network(windows) != before).all()


def test_forward_starts_the_decoder_from_rest_whatever_the_length():
    network = make().eval()
    with torch.no_grad():  # a state that no input can change
        for name, weight in network.encoder.named_parameters():
            weight.fill_(0.5 if name.startswith("bias") else 0.0)
        network.encoder.bias_ih_l0[8:16] = -1e4
    short, long = network(torch.randn(2, 4, 3)), network(torch.randn(2, 9, 3))
    torch.testing.assert_close(long[:, :4], short)


def test_forward_tells_the_steps_of_a_window_apart():
    rebuilt = make().eval()(torch.ones(1, 5, 3))
    assert len({tuple(step) for step in rebuilt[0].tolist()}) == 5
