"""Networks around networks: anchored, the mean of several, one for each series."""

from dataclasses import replace

import pytest
import torch

from pipelines_lib.errors import ConfigError
from pipelines_lib.models import Ensemble, Inputs, Network, PerSeries
from pipelines_lib.models.anchored import Anchored
from tests.pipelines_lib.models.batches import MODELS, N_FUTURE, make_inputs, make_network


class Recorder(Network):
    """Forecast a constant; remember what was seen."""

    def __init__(self, constant: float = 0.0) -> None:
        super().__init__()
        self.constant = torch.nn.Parameter(torch.tensor(constant))
        self.seen: list[Inputs] = []
        self.epochs: list[int] = []

    def forward(self, inputs: Inputs) -> torch.Tensor:
        self.seen.append(inputs)
        return self.constant.expand(len(inputs.past), 5, 1)

    def begin_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)


def test_anchored_takes_the_last_value_off_column_zero_and_the_truth():
    inner = Recorder(0.5)
    past = torch.tensor([[[1.0, 7.0], [4.0, 8.0]], [[2.0, 9.0], [2.0, 3.0]]])
    forecasts = Anchored(inner)(Inputs(past, targets=torch.tensor([[5.0, 3.0], [0.0, 2.0]])))
    assert inner.seen[0].past.tolist() == [[[-3, 7], [0, 8]], [[0, 9], [0, 3]]]
    assert inner.seen[0].targets.tolist() == [[1, -1], [-2, 0]]
    assert forecasts[..., 0].tolist() == [[4.5] * 5, [2.5] * 5]
    assert past[0, 0, 0] == 1  # the batch itself is left alone


@pytest.mark.parametrize("model", MODELS)
def test_anchored_forecasts_move_with_the_level_of_the_window(model):
    network = make_network(
        model=model,
        n_future=N_FUTURE,
        anchor="last",
        target_kind="level",
        interval_method="quantile",
    ).eval()
    inputs = make_inputs(n_future=N_FUTURE)
    raised = inputs.past.clone()
    raised[..., 0] += 100.0
    moved = network(replace(inputs, past=raised))
    torch.testing.assert_close(moved, network(inputs) + 100.0, rtol=0, atol=1e-4)
    raised[..., 1] += 100.0
    assert not torch.allclose(network(replace(inputs, past=raised)), moved, rtol=0, atol=1e-2)


def test_ensemble_is_the_mean_of_its_members():
    members = [make_network(model="last_step", hidden=hidden) for hidden in (4, 8)]
    inputs = make_inputs()
    expected = (members[0](inputs) + members[1](inputs)) / 2
    torch.testing.assert_close(Ensemble(members)(inputs), expected)


def test_per_series_gives_each_window_to_its_own_network():
    networks = [Recorder(float(number)) for number in range(4)]
    inputs = make_inputs(n_future=N_FUTURE)
    inputs = replace(
        inputs,
        series=torch.tensor([3, 0, 3, 1, 0, 3]),
        lengths=torch.tensor([10, 11, 12, 7, 8, 9]),
        targets=torch.arange(6.0).unsqueeze(1).expand(6, 5),
    )
    forecasts = PerSeries(networks)(inputs)
    assert forecasts[:, 0, 0].tolist() == [3, 0, 3, 1, 0, 3]
    assert networks[2].seen == []
    own = networks[3].seen[0]
    assert torch.equal(own.past, inputs.past[[0, 2, 5]])
    assert torch.equal(own.future, inputs.future[[0, 2, 5]])
    assert own.series.tolist() == [3, 3, 3]
    assert own.lengths.tolist() == [10, 12, 9]
    assert own.targets[:, 0].tolist() == [0, 2, 5]


def test_per_series_learns_by_the_networks_that_were_asked():
    networks = [Recorder(1.0) for _ in range(3)]
    PerSeries(networks)(
        replace(make_inputs(), series=torch.tensor([2, 0, 2, 2, 0, 2]))
    ).sum().backward()
    assert [network.constant.grad for network in networks] == [10, None, 20]


def test_per_series_takes_a_batch_of_none_and_refuses_an_unknown_series():
    combined = PerSeries([Recorder(), Recorder()])
    assert combined(make_inputs(0)).shape == (0, 5, 1)
    with pytest.raises(IndexError):
        combined(make_inputs(4))
    with pytest.raises(ConfigError, match="no series"):
        combined(replace(make_inputs(), series=None))


@pytest.mark.parametrize(
    "combine", [Ensemble, PerSeries, lambda inner: Anchored(inner[0])], ids=["mean", "own", "last"]
)
def test_begin_epoch_reaches_the_networks_within(combine):
    inner = Recorder()
    combine([inner]).begin_epoch(3)
    assert inner.epochs == [3]
