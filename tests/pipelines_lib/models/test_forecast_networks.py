"""What holds for every network of the forecaster family."""

import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.errors import ConfigError
from pipelines_lib.models import Inputs, make_forecast_network
from tests.pipelines_lib.models.batches import (
    HORIZON,
    LOOKBACK,
    MODELS,
    N_FUTURE,
    RECURRENT,
    make_inputs,
    make_network,
    pad,
)

FAMILY = [
    *((model, {"cell": cell}) for model in RECURRENT for cell in ("lstm", "gru", "rnn")),
    ("last_step", {"bidirectional": True}),
    ("seq2seq", {"bidirectional": True, "attention": True}),
    ("seq2seq", {"attention": True, "cell": "gru"}),
    ("segment", {"series_embedding": True, "cell": "gru"}),
    ("linear", {}),
    ("convolution", {"layers": 2}),
]
each_network = pytest.mark.parametrize(
    ("model", "fields"), FAMILY, ids=["-".join(map(str, [m, *f.values()])) for m, f in FAMILY]
)
each_model = pytest.mark.parametrize("model", MODELS)


@each_network
@pytest.mark.parametrize("n_future", [0, N_FUTURE])
def test_forward_gives_every_step_and_learns_by_every_weight(model, fields, n_future):
    network = make_network(
        model=model,
        n_future=n_future,
        interval_method="quantile",
        target_kind="level",
        anchor="last",
        **fields,
    )
    forecasts = network(make_inputs(n_future=n_future))
    assert forecasts.shape == (6, HORIZON, 3)
    forecasts.square().sum().backward()
    without = [name for name, weight in network.named_parameters() if not weight.grad.any()]
    assert without == []


@each_network
def test_forward_forecasts_each_window_alone(model, fields):
    network = make_network(model=model, n_future=N_FUTURE, **fields).eval()
    inputs = make_inputs(n_future=N_FUTURE)
    together = network(inputs)
    assert together.shape == (6, HORIZON, 1)
    alone = [
        network(Inputs(inputs.past[[row]], inputs.future[[row]], inputs.series[[row]]))
        for row in range(6)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


@each_model
def test_forward_takes_a_batch_of_none(model):
    assert make_network(model=model)(make_inputs(0)).shape == (0, HORIZON, 1)


@pytest.mark.parametrize(("model", "fields"), [made for made in FAMILY if made[0] != "linear"])
def test_forward_of_padded_windows_equals_each_of_its_own_length(model, fields):
    network = make_network(model=model, **fields).eval()
    lengths = torch.tensor([6, 12, 3, 9])
    windows = [torch.randn(int(length), 3) for length in lengths]
    padded = torch.stack([pad(window, LOOKBACK) for window in windows])
    series = torch.arange(4)
    together = network(Inputs(padded, series=series, lengths=lengths))
    for row, window in enumerate(windows):
        alone = network(Inputs(window[None], series=series[[row]]))
        torch.testing.assert_close(together[[row]], alone)
    unpadded = network(Inputs(padded, series=series))
    assert not torch.allclose(unpadded[[0, 2, 3]], together[[0, 2, 3]])


@each_network
def test_forward_of_padded_windows_learns(model, fields):
    network = make_network(model=model, recurrent_dropout=0.2, dropout=0.2, **fields)
    inputs = replace(make_inputs(4), lengths=torch.tensor([5, 12, 1, 7]))
    network(inputs).square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters())


@each_model
def test_forward_in_eval_knows_nothing_of_the_truth(model):
    network, inputs = make_network(model=model).eval(), make_inputs()
    told = replace(inputs, targets=torch.randn(6, HORIZON))
    assert torch.equal(network(told), network(inputs))


@each_model
def test_forward_refuses_a_batch_without_the_future_it_was_made_for(model):
    with pytest.raises(ConfigError, match="no future"):
        make_network(model=model, n_future=N_FUTURE)(make_inputs())


@each_model
def test_forward_lets_the_future_of_a_step_change_that_step(model):
    network = make_network(model=model, n_future=N_FUTURE).eval()
    inputs = make_inputs(n_future=N_FUTURE)
    changed = inputs.future.clone()
    changed[:, -1] += 1.0
    before, after = network(inputs), network(replace(inputs, future=changed))
    assert (before[:, -1] != after[:, -1]).all()
    assert torch.equal(before[:, :-2], after[:, :-2])  # the fourth may share the fifth's segment


GPU = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    ],
)


@each_network
@pytest.mark.parametrize("device", ["cpu", GPU])
def test_forward_trains_in_bfloat16(model, fields, device):
    inputs = make_inputs(n_future=N_FUTURE)
    inputs = Inputs(
        inputs.past.to(device),
        inputs.future.to(device),
        inputs.series.to(device),
        targets=inputs.past[:, :HORIZON, 0].to(device),
    )
    padded = replace(inputs, lengths=torch.tensor([12, 5, 1, 7, 12, 3]))
    for recurrent_dropout, batch in product((0.0, 0.2), (inputs, padded)):
        network = make_network(
            model=model, n_future=N_FUTURE, recurrent_dropout=recurrent_dropout, **fields
        ).to(device)
        with torch.autocast(device, torch.bfloat16):
            forecasts = network(batch)
        assert forecasts.dtype == torch.bfloat16
        forecasts.float().square().sum().backward()
        assert all(weight.grad.isfinite().all() for weight in network.parameters())


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("last_step", {"cell": "lstm"}),
        ("last_step", {"cell": "rnn", "activation": "relu", "identity_start": True}),
        ("seq2seq", {"cell": "gru", "attention": True}),
        ("segment", {"cell": "gru", "segment_steps": 6}),
        ("linear", {}),
        ("convolution", {"layers": 3, "kernel": 4}),
    ],
)
def test_a_network_learns_a_sine(model, fields):
    """Mean squared error of a sine of variance 0.5 falls to a twenty-fifth of that."""
    torch.manual_seed(0)
    wave = torch.sin(torch.arange(340) * 2 * math.pi / 24)
    past = wave.unfold(0, 24, 1)[:300].unsqueeze(-1)
    targets = torch.stack([wave[24 + row : 30 + row] for row in range(300)])
    config = ForecasterConfig(
        model=model,
        lookback=24,
        horizon=6,
        hidden=24,
        target_kind="level",
        anchor="last",
        teacher_epochs=10,
        **fields,
    )
    network = make_forecast_network(config, n_inputs=1, n_future=0, n_series=1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for epoch in range(1, 31):
        network.begin_epoch(epoch)
        for rows in torch.randperm(300).split(75):
            forecasts = network(Inputs(past[rows], targets=targets[rows]))[..., 0]
            optimizer.zero_grad()
            (forecasts - targets[rows]).square().mean().backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
    network.eval()
    error = (network(Inputs(past))[..., 0] - targets).square().mean().item()
    assert error < 0.02
