"""The forecaster's network: shapes, and that its answer is what it claims to be made of."""

import pytest
import torch

from pipelines_lib.models import LSTMForecaster


def make(**more) -> LSTMForecaster:
    torch.manual_seed(0)
    sizes = {"n_features": 3, "hidden": 8, "layers": 1, "dropout": 0.0, "horizon": 4}
    return LSTMForecaster(**{**sizes, **more})


def forget_at_once(lstm: torch.nn.LSTM) -> None:
    """Make every step start from rest: no recurrence, forget gate shut."""
    with torch.no_grad():
        lstm.weight_hh_l0.zero_()
        lstm.weight_ih_l0[lstm.hidden_size : 2 * lstm.hidden_size].zero_()
        lstm.bias_ih_l0[lstm.hidden_size : 2 * lstm.hidden_size] = -1e4


@pytest.mark.parametrize(("layers", "lookback", "horizon"), [(1, 2, 1), (2, 7, 4), (3, 30, 12)])
def test_forward_maps_windows_to_the_whole_horizon(layers, lookback, horizon):
    network = make(layers=layers, horizon=horizon)
    assert network(torch.zeros(5, lookback, 3)).shape == (5, horizon)


def test_forward_takes_a_batch_of_none():
    assert make()(torch.zeros(0, 6, 3)).shape == (0, 4)


def test_forward_forecasts_each_window_alone():
    network, windows = make().eval(), torch.randn(6, 10, 3)
    together = network(windows)
    alone = torch.cat([network(window[None]) for window in windows])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(network(windows.flip(0)).flip(0), together, rtol=0, atol=1e-6)


def test_forward_drops_out_in_training_only():
    network, windows = make(dropout=0.5, layers=2), torch.randn(4, 6, 3)
    network.train()
    assert not torch.equal(network(windows), network(windows))
    network.eval()
    assert torch.equal(network(windows), network(windows))


def test_forward_projects_the_state_after_the_last_step():
    network, windows = make().eval(), torch.randn(4, 6, 3)
    forget_at_once(network.encoder)
    before = network(windows)
    earlier, last = windows.clone(), windows.clone()
    earlier[:, :-1] += 1.0
    last[:, -1] += 1.0
    assert torch.equal(network(earlier), before)
    assert (network(last) != before).all(dim=1).all()


def test_forward_remembers_earlier_steps():
    network, windows = make().eval(), torch.randn(4, 6, 3)
    changed = windows.clone()
    changed[:, 0] += 1.0
    assert (network(changed) != network(windows)).any(dim=1).all()


def test_forecaster_learns_by_every_weight():
    network = make(layers=2)
    network(torch.randn(4, 6, 3)).square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in network.parameters())
