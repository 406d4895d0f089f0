"""Windows gathered by index: nothing but the right rows."""

import numpy as np
import pytest
import torch

from pipelines_lib.models.inputs import Inputs
from pipelines_lib.training import ForecastData, WindowData

CPU = torch.device("cpu")
ROWS = np.stack([np.arange(10.0), 100 + np.arange(10.0)], axis=1)
TENS = np.arange(10.0) * 10


def make(**more) -> WindowData:
    return WindowData.make(ROWS, **{"lookback": 3, "sampling_rate": 1, "device": CPU, **more})


def forecast(inputs=ROWS, **more) -> ForecastData:
    sizes = {"lookback": 3, "horizon": 2, "sampling_rate": 1, "device": CPU}
    return ForecastData.make(inputs, **{**sizes, **more})


@pytest.mark.parametrize("gather", [make().windows, lambda o: forecast().inputs(o).past])
def test_windows_end_at_their_origins(gather):
    windows = gather(torch.tensor([2, 5, 9]))
    assert windows[:, :, 0].tolist() == [[0, 1, 2], [3, 4, 5], [7, 8, 9]]
    assert windows[:, :, 1].tolist() == [[100, 101, 102], [103, 104, 105], [107, 108, 109]]


def test_windows_take_every_nth_step():
    origins = torch.tensor([4, 9])
    expected = [[0, 2, 4], [5, 7, 9]]
    assert make(sampling_rate=2).windows(origins)[..., 0].tolist() == expected
    assert forecast(sampling_rate=2).inputs(origins).past[..., 0].tolist() == expected


def test_windows_refuse_an_origin_without_a_whole_window():
    with pytest.raises((IndexError, RuntimeError)):
        make().windows(torch.tensor([1]))
    with pytest.raises((IndexError, RuntimeError)):
        make(lookback=11).windows(torch.tensor([9]))


def test_windows_do_not_depend_on_the_layout_of_the_array():
    transposed = np.asfortranarray(ROWS)
    assert torch.equal(forecast(transposed).all_windows, forecast().all_windows)


def test_window_data_batch_is_its_own_target():
    windows, targets = make().batch(torch.tensor([2, 3]))
    assert torch.equal(windows, targets)


def test_make_keeps_the_series_once_as_float32():
    long = np.zeros((1000, 2))
    for data in (make(), forecast(long, lookback=500, horizon=90, targets=long[:, 0])):
        assert data.device == CPU
        assert data.all_windows.dtype == torch.float32
    assert data.all_windows.untyped_storage().nbytes() == 1000 * 2 * 4
    assert data.all_targets.untyped_storage().nbytes() == 1000 * 4
    assert data.inputs_by_row.data_ptr() == data.all_windows.data_ptr()


def test_batch_gathers_the_targets_after_the_origin():
    inputs, targets = forecast(targets=TENS).batch(torch.tensor([4, 2, 7]))
    assert isinstance(inputs, Inputs)
    assert inputs.past.shape == (3, 3, 2)
    assert targets.tolist() == [[50, 60], [30, 40], [80, 90]]
    assert targets.dtype == torch.float32
    assert torch.equal(inputs.targets, targets)
    every_second = forecast(targets=TENS, sampling_rate=2).batch(torch.tensor([4, 5]))[1]
    assert every_second.tolist() == [[60, 80], [70, 90]]


def test_batch_takes_relative_targets_over_the_root_of_the_step():
    levels = np.array([0.0, 1, 3, 6, 10, 15, 21, 28, 36, 45])
    _, targets = forecast(targets=levels, relative=True, horizon=4).batch(torch.tensor([2, 5]))
    roots = np.sqrt([1, 2, 3, 4])
    np.testing.assert_allclose(targets, [[3, 7, 12, 18] / roots, [6, 13, 21, 30] / roots])
    assert targets.dtype == torch.float32
    every_second = forecast(targets=levels, relative=True, sampling_rate=2)
    gained = every_second.batch(torch.tensor([5]))[1]
    np.testing.assert_allclose(gained, [[13, 30] / np.sqrt([1, 2])], rtol=1e-6)


def test_batch_keeps_small_changes_of_a_large_level():
    levels = 1e6 + np.arange(10) * 1e-3  # float32 is 0.06 apart there
    _, targets = forecast(targets=levels, relative=True, horizon=1).batch(torch.tensor([3]))
    assert targets.item() == pytest.approx(1e-3, rel=1e-5)


def test_inputs_need_no_targets_and_reach_the_last_row():
    inputs = forecast(targets=TENS).inputs(torch.tensor([9]))
    assert inputs.past[0, :, 0].tolist() == [7, 8, 9]
    assert inputs.targets is None
    assert forecast().inputs(torch.tensor([9])).targets is None


def test_inputs_take_the_future_by_position():
    # Two series of five rows from positions 3 and 5 on; the table reaches to position 11.
    position = np.concatenate([np.arange(3, 8), np.arange(5, 10)])
    future = np.stack([np.arange(12.0), -np.arange(12.0)], axis=1)
    known = forecast(future=future, position=position).inputs(torch.tensor([4, 9, 7])).future
    assert known[..., 0].tolist() == [[8, 9], [10, 11], [8, 9]]
    assert known[..., 1].tolist() == [[-8, -9], [-10, -11], [-8, -9]]
    apart = forecast(future=future, position=position, sampling_rate=2).inputs(torch.tensor([4]))
    assert apart.future[..., 0].tolist() == [[9, 11]]


def test_inputs_are_none_where_nothing_is_known_or_asked():
    data = forecast(future=np.zeros((12, 0)), position=np.arange(10), targets=TENS)
    inputs, _ = data.batch(torch.tensor([3]))
    assert (inputs.future, inputs.series, inputs.lengths) == (None, None, None)


def test_inputs_give_the_series_where_asked():
    numbers = np.repeat([3, 8], 5)
    assert forecast(series=numbers).inputs(torch.tensor([2, 7])).series.tolist() == [3, 8]


def test_short_windows_repeat_their_first_known_step():
    run = np.array([1, 2, 3, 4, 5, 1, 2, 3, 4, 5])  # two series
    data = forecast(run=run, targets=TENS)
    inputs, targets = data.batch(torch.tensor([0, 1, 4, 6]))
    assert inputs.past[..., 0].tolist() == [[0, 0, 0], [0, 0, 1], [2, 3, 4], [5, 5, 6]]
    assert inputs.lengths.tolist() == [1, 2, 3, 2]
    assert targets.tolist() == [[10, 20], [20, 30], [50, 60], [70, 80]]
    whole = data.inputs(torch.tensor([2, 9]))
    assert whole.lengths is None
    assert whole.past[..., 0].tolist() == [[0, 1, 2], [7, 8, 9]]


def test_short_windows_repeat_their_first_known_step_at_a_sampling_rate():
    run = np.array([1, 1, 2, 2, 3, 3, 4, 4, 5, 5])  # steps of two rows
    inputs = forecast(run=run, sampling_rate=2).inputs(torch.tensor([0, 3, 5]))
    assert inputs.past[..., 0].tolist() == [[0, 0, 0], [1, 1, 3], [1, 3, 5]]
    assert inputs.lengths.tolist() == [1, 2, 3]
