"""Reconstructions without a network."""

import numpy as np
import torch

from pipelines_lib.anomaly.baselines import Energy, fit_windowed_pca
from pipelines_lib.training import WindowData


def data_of(steps) -> WindowData:
    return WindowData.make(
        np.asarray(steps, dtype=float).reshape(len(steps), -1),
        lookback=4,
        sampling_rate=1,
        device=torch.device("cpu"),
    )


def test_windowed_pca_rebuilds_windows_of_one_component_exactly():
    # Windows of a geometric series are multiples of one window: a line through the origin.
    data = data_of(1.05 ** np.arange(40))
    pca = fit_windowed_pca(data, np.arange(3, 30), seed=0)
    windows = data.windows(torch.arange(3, 40))
    assert pca.components.shape == (1, 4)
    torch.testing.assert_close(pca(windows), windows, rtol=1e-4, atol=1e-5)


def test_windowed_pca_does_not_rebuild_what_it_has_not_seen():
    steps = 1.05 ** np.arange(40)
    spiked = steps.copy()
    spiked[35] += 3
    pca = fit_windowed_pca(data_of(steps), np.arange(3, 30), seed=0)
    window = data_of(spiked).windows(torch.tensor([36]))
    error = (pca(window) - window).abs()[0, :, 0]
    assert int(error.argmax()) == 2
    assert error[2] > 1


def test_windowed_pca_keeps_features_in_their_places():
    steps = np.stack([1.05 ** np.arange(40), -2 * 1.05 ** np.arange(40)], axis=1)
    data = data_of(steps)
    pca = fit_windowed_pca(data, np.arange(3, 30), seed=0)
    windows = data.windows(torch.arange(3, 40))
    torch.testing.assert_close(pca(windows), windows, rtol=1e-4, atol=1e-5)


def test_windowed_pca_is_fitted_on_training_windows_only():
    steps = np.random.default_rng(0).normal(size=60)
    changed = np.where(np.arange(60) > 40, 99.0, steps)
    ours = fit_windowed_pca(data_of(steps), np.arange(3, 41), seed=0)
    theirs = fit_windowed_pca(data_of(changed), np.arange(3, 41), seed=0)
    assert torch.equal(ours.components, theirs.components)
    assert torch.equal(ours.mean, theirs.mean)


def test_energy_rebuilds_nothing():
    assert torch.equal(Energy()(torch.ones(2, 3, 1)), torch.zeros(2, 3, 1))
