"""Windows gathered by index: nothing but the right rows."""

import numpy as np
import torch

from pipelines_lib.training import WindowData

CPU = torch.device("cpu")


def make(**more) -> WindowData:
    inputs = np.stack([np.arange(10.0), 100 + np.arange(10.0)], axis=1)
    return WindowData.make(inputs, **{"lookback": 3, "sampling_rate": 1, "device": CPU, **more})


def test_windows_end_at_their_origins():
    windows = make().windows(torch.tensor([2, 5]))
    assert windows[:, :, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert windows[:, :, 1].tolist() == [[100, 101, 102], [103, 104, 105]]


def test_windows_take_every_nth_step():
    assert make(sampling_rate=2).windows(torch.tensor([4]))[0, :, 0].tolist() == [0, 2, 4]


def test_batch_gathers_the_targets_after_the_origin():
    tens = np.arange(10.0) * 10
    windows, targets = make(targets=tens, horizon=2).batch(torch.tensor([4, 2]))
    assert windows.shape == (2, 3, 2)
    assert targets.tolist() == [[50, 60], [30, 40]]
    every_second = make(targets=tens, horizon=2, sampling_rate=2).batch(torch.tensor([4]))[1]
    assert every_second.tolist() == [[60, 80]]


def test_batch_is_its_own_target_without_targets():
    windows, targets = make().batch(torch.tensor([2, 3]))
    assert torch.equal(windows, targets)


def test_make_keeps_the_series_once_as_float32():
    data = make()
    assert data.inputs.dtype == torch.float32
    assert data.inputs.shape == (10, 2)
    assert data.device == CPU
