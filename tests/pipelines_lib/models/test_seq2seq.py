"""The sequence-to-sequence network: what each step is fed, and where attention looks."""

from dataclasses import replace

import pytest
import torch

from pipelines_lib.models import Inputs
from pipelines_lib.models.seq2seq import Attention
from tests.pipelines_lib.models.batches import make_inputs, make_network


def make(**fields):
    return make_network(model="seq2seq", **{"cell": "gru", **fields})


def with_truth(inputs: Inputs, seed: int = 1) -> Inputs:
    draw = torch.Generator().manual_seed(seed)
    return replace(inputs, targets=torch.randn(len(inputs.past), 5, generator=draw))


def fed(network, inputs: Inputs) -> torch.Tensor:
    """Return what the decoder was fed at each step (B, H, 1 + K)."""
    seen = []
    handle = network.decoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    network(inputs)
    handle.remove()
    return torch.cat(seen, 1)


@pytest.mark.parametrize(("method", "median"), [("conformal", 0), ("quantile", 1)])
def test_forward_feeds_zero_then_the_median_forecast_and_what_is_known(method, median):
    network = make(interval_method=method, n_future=2).eval()
    inputs = make_inputs(n_future=2)
    forecasts, seen = network(inputs), fed(network, inputs)
    assert (seen[:, 0, 0] == 0).all()
    assert torch.equal(seen[:, 1:, 0], forecasts[:, :-1, median])
    assert torch.equal(seen[..., 1:], inputs.future)


def test_forward_goes_on_from_the_encoders_state():
    network, inputs = make(layers=2).eval(), make_inputs()
    _, state = network.encoder(inputs.past)
    decoded, _ = network.decoder(torch.zeros(6, 1, 1), state=state)
    torch.testing.assert_close(network(inputs)[:, 0], network.head(decoded[:, 0]))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_forward_brings_both_directions_of_each_layer_to_the_decoder(cell):
    network = make(cell=cell, layers=2, bidirectional=True).eval()
    _, encoded = network.encoder(make_inputs().past)
    bridged = network._bridge(encoded)
    for part, bridge, state in zip(bridged, network.bridges, encoded, strict=True):
        second = torch.cat([state[2], state[3]], 1)  # layer 2: forward, backward
        torch.testing.assert_close(part[1], bridge(second))


def test_teacher_forcing_feeds_the_truth_of_the_step_before():
    network, inputs = make(teacher_forcing=1.0).train(), with_truth(make_inputs())
    network.begin_epoch(1)
    assert torch.equal(fed(network, inputs)[:, 1:, 0], inputs.targets[:, :-1])


def test_teacher_forcing_throws_one_coin_a_step_for_all_windows():
    network, inputs = make(teacher_forcing=0.5), with_truth(make_inputs())
    told = []
    for _ in range(50):
        true = fed(network, inputs)[:, 1:, 0] == inputs.targets[:, :-1]
        assert torch.equal(true.all(0), true.any(0))
        told.append(true[0])
    assert len({tuple(row.tolist()) for row in told}) > 8  # of 16: a coin for each step
    assert torch.stack(told).float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_teacher_forcing_falls_in_equal_steps_to_nothing():
    network = make(teacher_forcing=0.8, teacher_epochs=4)
    shares = [network.share.item()]
    for epoch in range(1, 8):
        network.begin_epoch(epoch)
        shares.append(network.share.item())
    assert shares == pytest.approx([0.8, 0.8, 0.6, 0.4, 0.2, 0, 0, 0])
    inputs = with_truth(make_inputs())
    assert torch.equal(network(inputs), network(with_truth(inputs, seed=2)))


def test_teacher_forcing_is_off_in_eval_and_where_it_is_zero():
    inputs, other = with_truth(make_inputs()), with_truth(make_inputs(), seed=2)
    for network in (make(teacher_forcing=1.0).eval(), make(teacher_forcing=0.0).train()):
        assert torch.equal(network(inputs), network(other))
    assert not torch.equal(*(make(teacher_forcing=1.0)(batch) for batch in (inputs, other)))


def test_teacher_forcing_is_no_part_of_the_saved_weights():
    assert "share" not in make().state_dict()


def test_attention_has_no_weight_on_padded_steps():
    torch.manual_seed(0)
    attention = Attention(4, 3)
    keys = attention.keys(torch.randn(2, 5, 4))
    padded = torch.tensor([[True, True, False, False, False], [False] * 5])
    context, weights = attention(torch.randn(2, 3), keys, padded)
    assert weights[0, :2].tolist() == [0, 0]
    assert (weights[~padded] > 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    torch.testing.assert_close(context[0], (weights[0].unsqueeze(1) * keys[0]).sum(0))


def test_attention_looks_where_the_keys_agree_with_the_query():
    attention = Attention(2, 2)
    with torch.no_grad():
        attention.keys.weight.copy_(torch.eye(2))
    keys = attention.keys(torch.tensor([[[40.0, 0.0], [0.0, 40.0]]]))
    context, weights = attention(torch.tensor([[0.0, 3.0]]), keys, None)
    torch.testing.assert_close(weights, torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(context, torch.tensor([[0.0, 40.0]]))


def test_attention_sees_what_the_state_has_forgotten():
    """An encoder whose state keeps nothing: only attention can know of an early step."""
    early = make_inputs().past
    early[:, 0] += 1.0
    for attention in (False, True):
        network = make(cell="rnn", attention=attention).eval()
        with torch.no_grad():
            network.encoder.rnn.weight_hh_l0.zero_()
        same = torch.equal(network(Inputs(early)), network(make_inputs()))
        assert same != attention


def test_recurrent_dropout_holds_one_mask_for_the_whole_horizon():
    network, inputs = make(recurrent_dropout=0.5), make_inputs()
    used = []
    handle = network.decoder.register_forward_pre_hook(
        lambda module, args, kwargs: used.append(kwargs["masks"]), with_kwargs=True
    )
    network(inputs)
    handle.remove()
    assert len(used) == 5
    assert all(mask is used[0] for mask in used)
    assert used[0].unique().tolist() == [0, 2]
