"""The segment-wise network: how it cuts, decodes at once, and tells series and positions apart."""

from dataclasses import replace

import pytest
import torch

from pipelines_lib.models import Inputs
from tests.pipelines_lib.models.batches import make_inputs, make_network


def make(**fields):
    return make_network(model="segment", cell="gru", **fields)


def test_cut_takes_the_newest_whole_segments_in_their_order():
    past = torch.arange(14.0).reshape(1, 7, 2)
    cut = make().cut(past)  # segments of 3 steps: the oldest step is left over
    assert cut.tolist() == [[[2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13]]]


def test_forward_ignores_steps_that_fill_no_segment():
    network, inputs = make(segment_steps=5).eval(), make_inputs()
    changed = inputs.past.clone()
    changed[:, :2] += 1.0
    assert torch.equal(network(replace(inputs, past=changed)), network(inputs))
    changed[:, 2] += 1.0
    assert (network(replace(inputs, past=changed)) != network(inputs)).all()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("series_embedding", [False, True], ids=["alike", "embedded"])
def test_forward_equals_decoding_the_segments_one_by_one(cell, series_embedding):
    """Horizon 5 in segments of 3: two states, each one step of torch's own cell from the last."""
    network = make_network(
        model="segment",
        cell=cell,
        layers=2,
        n_future=2,
        interval_method="quantile",
        series_embedding=series_embedding,
    ).eval()
    if series_embedding:
        torch.nn.init.normal_(network.series)
    inputs = make_inputs(n_future=2)
    rnn = network.recurrent.rnn
    segments = network.embed(inputs.past.unflatten(1, (4, 3)).flatten(2)).relu()
    _, state = rnn(segments.transpose(0, 1))
    future = torch.cat([inputs.future, torch.zeros(6, 1, 2)], 1)
    steps = []
    for segment in range(2):
        query = network.position[segment].expand(6, -1)
        if series_embedding:
            query = torch.cat([query, network.series[inputs.series]], 1)
        query = query + network.future(future[:, 3 * segment : 3 * segment + 3].flatten(1))
        output, _ = rnn(query.unsqueeze(0), state)
        steps.append(network.head(output[0]).reshape(6, 3, 3))
    torch.testing.assert_close(network(inputs), torch.cat(steps, 1)[:, :5])


def test_forward_decodes_each_segment_from_its_own_position():
    network, inputs = make().eval(), make_inputs()
    before = network(inputs)
    with torch.no_grad():
        network.position[1] += 1.0
    after = network(inputs)
    assert torch.equal(after[:, :3], before[:, :3])
    assert (after[:, 3:] != before[:, 3:]).all()


def test_series_embedding_changes_only_the_series_it_belongs_to():
    network, inputs = make(series_embedding=True).eval(), make_inputs(8)
    before = network(inputs)
    with torch.no_grad():
        network.series[2] += 1.0
    changed = (network(inputs) != before).flatten(1)
    own = inputs.series == 2
    assert changed[own].all()
    assert not changed[~own].any()


def test_series_embedding_takes_the_mean_for_a_series_that_is_new():
    network, inputs = make(series_embedding=True).eval(), make_inputs()
    torch.nn.init.normal_(network.series)
    new = network(replace(inputs, series=torch.tensor([4, 5, 99, 4, 4, 4])))
    with torch.no_grad():
        network.series[:] = network.series.mean(0)
    torch.testing.assert_close(network(inputs), new)


def test_series_embedding_knows_nothing_of_a_series_that_training_has_not_seen():
    network, inputs = make(series_embedding=True), make_inputs()
    network(replace(inputs, series=torch.tensor([0, 1, 0, 1, 0, 1]))).square().sum().backward()
    assert network.series.grad[:2].all()
    assert not network.series.grad[2:].any()
    assert not network.series.any()


def test_series_embedding_splits_an_odd_hidden_size():
    network = make(series_embedding=True, hidden=7)
    assert (network.position.shape, network.series.shape) == ((2, 4), (4, 3))
    assert network(make_inputs()).shape == (6, 5, 1)


def test_lengths_count_a_segment_with_any_real_step():
    network, inputs = make().eval(), make_inputs(1)  # lookback 12: four segments
    forecasts = {
        real: network(replace(inputs, lengths=torch.tensor([real]))) for real in (1, 3, 4, 6, 12)
    }
    assert torch.equal(forecasts[1], forecasts[3])
    assert torch.equal(forecasts[4], forecasts[6])
    assert not torch.equal(forecasts[3], forecasts[4])
    assert torch.equal(forecasts[12], network(inputs))


def test_recurrent_dropout_decodes_under_the_encoders_mask():
    """A state that is only carried on: half of the units arrive; a quarter under two masks."""
    network = make_network(
        model="segment",
        cell="rnn",
        activation="relu",
        identity_start=True,
        recurrent_dropout=0.5,
        hidden=3,
    )
    with torch.no_grad():
        for linear in (network.embed, network.head):
            linear.bias.zero_()
        network.embed.weight.fill_(1.0)
        network.position.zero_()
        network.recurrent.rnn.weight_ih_l0.copy_(torch.eye(3))
        network.head.weight.copy_(torch.eye(3))
    past = torch.zeros(400, 12, 3)
    past[:, :3] = 1.0  # the first segment sums to 9, doubled by each of four steps or dropped
    forecasts = network(Inputs(past))[:, :3]
    assert forecasts.unique().tolist() == [0, 144]
    assert (forecasts > 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_dropout_works_in_training_only():
    network, inputs = make(dropout=0.5), make_inputs()
    assert not torch.equal(network(inputs), network(inputs))
    network.eval()
    assert torch.equal(network(inputs), network(inputs))


def test_forward_reads_all_inputs_of_a_segment():
    network, past = make().eval(), make_inputs().past
    for column in range(3):
        changed = past.clone()
        changed[:, 4, column] += 1.0
        assert (network(Inputs(changed)) != network(Inputs(past))).any(1).all()


def test_segment_skip_adds_a_linear_map_from_segments_to_segments():
    inputs = make_inputs()
    plain, skipping = make().eval(), make(segment_skip=True).eval()
    skipping.load_state_dict(plain.state_dict(), strict=False)
    assert torch.equal(plain(inputs), skipping(inputs))  # the map begins at 0
    with torch.no_grad():  # the first segment ahead repeats the newest, the second the one before
        skipping.skip.weight[0, -1] = 1.0
        skipping.skip.weight[1, -2] = 2.0
    own = inputs.past[..., 0]
    added = (skipping(inputs) - plain(inputs))[..., 0]
    torch.testing.assert_close(added[:, :3], own[:, 9:12], atol=1e-5, rtol=0)
    torch.testing.assert_close(added[:, 3:], 2 * own[:, 6:8], atol=1e-5, rtol=0)
