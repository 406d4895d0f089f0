"""Every field of the config that a network reads changes what it says it changes."""

import pytest
import torch

from pipelines_lib.errors import ConfigError
from pipelines_lib.models import Network, make_forecast_network
from pipelines_lib.models.anchored import Anchored
from tests.pipelines_lib.models.batches import MODELS, make_config, make_inputs, make_network


def n_weights(network: Network) -> int:
    return sum(weight.numel() for weight in network.parameters())


def shapes(network: Network) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in network.named_parameters()}


WEIGHTS = [
    ({"hidden": 16}, ["last_step", "seq2seq", "segment", "convolution"]),
    ({"layers": 2}, ["last_step", "seq2seq", "segment", "convolution"]),
    ({"cell": "gru"}, ["last_step", "seq2seq", "segment"]),
    ({"cell": "rnn"}, ["last_step", "seq2seq", "segment"]),
    ({"bidirectional": True}, ["last_step", "seq2seq"]),
    ({"attention": True}, ["seq2seq"]),
    ({"segment_steps": 4}, ["segment"]),
    ({"series_embedding": True}, ["segment"]),
    ({"kernel": 4}, ["convolution"]),
    ({"lookback": 13}, ["linear"]),
    ({"horizon": 9}, ["last_step", "segment", "linear", "convolution"]),
    ({"interval_method": "quantile"}, list(MODELS)),
]


@pytest.mark.parametrize(("field", "models"), WEIGHTS, ids=[next(iter(f)) for f, _ in WEIGHTS])
def test_make_forecast_network_sizes_the_models_that_read_a_field(field, models):
    changed = [
        model
        for model in MODELS
        if shapes(make_network(model=model)) != shapes(make_network(model=model, **field))
    ]
    assert changed == models


def test_make_forecast_network_counts_weights_as_declared():
    """A GRU of 8 on 3 inputs: 3 gates x (8 x 3 + 8 x 8 + 8 + 8); a head of 8 to 5 steps."""
    assert n_weights(make_network(cell="gru")) == 3 * (24 + 64 + 16) + 9 * 5
    assert n_weights(make_network(cell="gru", n_future=2)) == 3 * (24 + 64 + 16) + 9 * 5 + 2
    assert n_weights(make_network(model="linear")) == (12 + 2 + 1) * 5


READ = [
    ({"cell": "rnn", "activation": "relu"}, {"cell": "rnn"}),
    ({"cell": "rnn", "identity_start": True}, {"cell": "rnn"}),
]


@pytest.mark.parametrize("model", ["last_step", "seq2seq", "segment"])
@pytest.mark.parametrize(("fields", "plain"), READ, ids=["activation", "identity_start"])
def test_make_forecast_network_makes_another_rnn(model, fields, plain):
    changed, same = make_network(model=model, **fields), make_network(model=model, **plain)
    assert shapes(changed) == shapes(same)
    assert not torch.equal(changed(make_inputs()), same(make_inputs()))


@pytest.mark.parametrize("field", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("model", ["last_step", "seq2seq", "segment"])
def test_make_forecast_network_drops_out_in_training(model, field):
    network, plain = make_network(model=model, **{field: 0.5}), make_network(model=model)
    inputs = make_inputs()
    assert not torch.equal(network(inputs), network(inputs))
    assert torch.equal(plain(inputs), plain(inputs))
    assert torch.equal(network.eval()(inputs), plain.eval()(inputs))


def test_make_forecast_network_unrolls_a_decoder_over_any_horizon():
    assert make_network(model="seq2seq", horizon=9)(make_inputs()).shape == (6, 9, 1)


@pytest.mark.parametrize(
    ("fields", "anchored"),
    [
        ({"anchor": "last", "target_kind": "level"}, True),
        ({"anchor": "none"}, False),
        ({"anchor": "auto", "target_kind": "level"}, True),
        ({"anchor": "auto", "target_kind": "log_return"}, False),
    ],
)
def test_make_forecast_network_anchors_levels(fields, anchored):
    assert isinstance(make_network(**fields), Anchored) == anchored


def test_make_forecast_network_embeds_as_many_series_as_there_are():
    config = make_config(model="segment", series_embedding=True)
    made = [make_forecast_network(config, n_inputs=1, n_future=0, n_series=n) for n in (3, 7)]
    assert n_weights(made[1]) - n_weights(made[0]) == 4 * 4  # half of the hidden units each


@pytest.mark.parametrize("model", ["last_value", "drift", "seasonal_naive"])
def test_make_forecast_network_refuses_models_without_weights(model):
    with pytest.raises(ConfigError, match=f"'{model}' has no network"):
        make_network(model=model)
