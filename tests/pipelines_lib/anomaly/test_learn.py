"""Every field of a detector's networks and windows changes what it says it changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pipelines_lib.anomaly import learn
from pipelines_lib.anomaly.learn import (
    fit_autoencoder_part,
    fit_forecast_part,
    make_autoencoder,
    make_forecaster,
)
from pipelines_lib.anomaly.window import Window
from pipelines_lib.config import DetectorConfig, TrainingConfig
from tests.pipelines_lib.anomaly.stretches import NAN, errors_of, stretch_of

WINDOW = Window(24, 0.5, 4, 12, 4)
ONCE = TrainingConfig(max_epochs=1, batch_size=16, windows_per_epoch=16, keep="last")
FITS = {"forecast": fit_forecast_part, "autoencoder": fit_autoencoder_part}


def count(network) -> int:
    return sum(weight.numel() for weight in network.parameters())


def weights_of(part) -> np.ndarray:
    return torch.cat([w.flatten() for w in part.network.state_dict().values()]).numpy()


def fit(name, stretch, rows=None, **fields):
    config = DetectorConfig(**{"hidden": 4, "training": ONCE, **fields})
    rows = np.ones(len(stretch.run), dtype=bool) if rows is None else rows
    part, trained = FITS[name](
        stretch, rows=rows, config=config, checkpoint=None, on_epoch=lambda report: None
    )
    return part, trained


@pytest.fixture(scope="module")
def waves():
    rng = np.random.default_rng(0)
    series = [np.sin(np.arange(n) / 4)[:, None] + 0.1 * rng.normal(size=(n, 2)) for n in (90, 60)]
    return stretch_of(*series, lookback=12, segment=4)


@pytest.mark.parametrize(
    "fields",
    [{"hidden": 9}, {"layers": 2}, {"cell": "gru"}],
    ids=lambda fields: next(iter(fields)),
)
def test_make_networks_sizes_them_by_the_fields(fields):
    small = DetectorConfig(hidden=8)
    other = small.model_copy(update=fields)
    assert count(make_forecaster(other, WINDOW)) != count(make_forecaster(small, WINDOW))
    assert count(make_autoencoder(other, WINDOW, 2)) != count(make_autoencoder(small, WINDOW, 2))


def test_make_autoencoder_squeezes_through_the_bottleneck():
    for bottleneck in (1, 5):
        network = make_autoencoder(DetectorConfig(bottleneck=bottleneck), WINDOW, 2)
        assert (network.squeeze.out_features, network.widen.in_features) == (bottleneck, bottleneck)


def test_make_autoencoder_goes_by_segments_or_by_steps():
    lengths = {
        kind: len(make_autoencoder(DetectorConfig(autoencoder=kind), WINDOW, 1).position)
        for kind in ("segment", "step")
    }
    assert lengths == {"segment": 3, "step": 12}


def test_make_networks_drop_out():
    config = DetectorConfig(hidden=8, dropout=0.4)
    assert make_autoencoder(config, WINDOW, 1).dropout.p == 0.4
    dropped = [m.p for m in make_forecaster(config, WINDOW).modules() if isinstance(m, nn.Dropout)]
    assert dropped == [0.4]


@pytest.mark.parametrize("name", FITS)
def test_fit_parts_learn_from_training_rows_only(waves, name):
    rows = np.arange(150) < 80
    changed = replace(waves, inputs=np.where(rows[:, None], waves.inputs, 7.0))
    one, other = (weights_of(fit(name, stretch, rows)[0]) for stretch in (waves, changed))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, weights_of(fit(name, waves)[0]))


@pytest.mark.parametrize("name", FITS)
def test_fit_parts_learn_from_every_stride_th_window(waves, monkeypatch, name):
    seen = {}
    real = learn.train

    def train(network, data, *, train_origins, **more):
        seen[len(seen)] = train_origins
        return real(network, data, train_origins=train_origins, **more)

    monkeypatch.setattr(learn, "train", train)
    fit(name, waves)
    fit(name, waves, stride=3)
    assert len(seen[1]) == pytest.approx(len(seen[0]) / 3, abs=4)
    assert set(seen[1]) < set(seen[0])


@pytest.mark.parametrize("name", FITS)
def test_fit_parts_repeat_windows_of_a_short_history(waves, name):
    rows = np.arange(150) < 24
    training = ONCE.model_copy(update={"windows_per_epoch": 64, "batch_size": 64})
    part, trained = fit(name, waves, rows, training=training)
    assert np.isfinite(weights_of(part)).all()
    assert len(trained.history) == 1


def test_fit_forecast_part_learns_from_every_feature_of_every_series_by_itself(waves):
    # A feature that is never known in the first series does not keep the other from being learned.
    inputs = waves.inputs.copy()
    inputs[:90, 1] = NAN
    part, _ = fit("forecast", stretch_of(inputs[:90], inputs[90:], lookback=12, segment=4))
    errors = errors_of(part, waves)
    assert np.isfinite(errors[12:90]).all()


@pytest.mark.parametrize("name", FITS)
def test_fit_parts_do_as_the_seed_says(waves, name):
    def weights(seed):
        return weights_of(fit(name, waves, training=ONCE.model_copy(update={"seed": seed}))[0])

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


@pytest.mark.parametrize("name", FITS)
def test_fit_parts_learn_by_the_loss_of_the_config(waves, name):
    losses = {
        loss: weights_of(fit(name, waves, training=ONCE.model_copy(update={"loss": loss}))[0])
        for loss in ("mse", "mae")
    }
    assert not np.array_equal(losses["mse"], losses["mae"])
