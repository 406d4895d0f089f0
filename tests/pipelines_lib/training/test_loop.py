"""The training loop: repeatable, bounded, stops early, keeps the best, and fails with a remedy."""

import math
from itertools import chain

import numpy as np
import pytest
import torch
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook

from pipelines_lib.errors import TrainingError
from pipelines_lib.training import ForecastData, device, seeded

# Training wants the weight at 1, validation at 0: every epoch after the first is worse.
APART = {"targets": [1.0] * 20 + [0.0] * 20, "train_origins": range(19)}
APART |= {"validation_origins": range(19, 39), "start": 0.2}
TOGETHER = {"targets": [1.0] * 40, "train_origins": range(19), "validation_origins": range(19, 39)}


def weights(network) -> list[torch.Tensor]:
    return list(network.state_dict().values())


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_train_gives_bit_equal_weights_for_the_same_seed(train_sine):
    torch.manual_seed(11)
    first, report = train_sine()
    torch.manual_seed(22)  # what happened outside the block does not matter
    second, again = train_sine()
    assert same(first, second)
    assert [e.validation_loss for e in report.history] == [e.validation_loss for e in again.history]


def test_train_gives_other_weights_for_another_seed(train_sine):
    one, _ = train_sine(max_epochs=1, seed=1)
    other, _ = train_sine(max_epochs=1, seed=2)
    assert not same(one, other)


def test_train_learns(train_sine):
    _, result = train_sine(max_epochs=12, windows_per_epoch=100)
    losses = [epoch.validation_loss for epoch in result.history]
    assert min(losses) < losses[0] / 3


def test_train_reports_each_epoch_once(train_sine):
    heard = []
    _, result = train_sine(on_epoch=heard.append)
    assert heard == result.history
    assert [epoch.epoch for epoch in heard] == [1, 2, 3, 4, 5, 6]
    assert all(epoch.seconds > 0 for epoch in heard)


def test_train_leaves_the_network_in_eval_mode(fit_weight):
    network, _ = fit_weight(**TOGETHER)
    assert not network.training


def test_train_reckons_losses_by_hand(fit_weight):
    # Adam's first step is the learning rate: 0 -> 0.1 towards 1.
    network, result = fit_weight(**TOGETHER, batch_size=32)
    assert network.weight.item() == pytest.approx(0.1, abs=1e-6)
    assert result.history[0].train_loss == pytest.approx(1.0)
    assert result.history[0].validation_loss == pytest.approx(0.81, abs=1e-5)


@pytest.mark.parametrize(("loss", "expected"), [("mse", 4.0), ("mae", 2.0), ("huber", 1.5)])
def test_train_uses_the_loss_of_the_config(fit_weight, loss, expected):
    settings = {**TOGETHER, "start": 3.0, "learning_rate": 1e-6}
    _, result = fit_weight(**settings, loss=loss)
    assert result.history[0].train_loss == pytest.approx(expected, rel=1e-4)


def test_train_weighs_windows_not_batches(fit_weight):
    # 16 windows of error 0 and 3 of error 1, in batches of 16: the mean over windows is 3 / 19.
    targets = [0.0] * 17 + [1.0] * 3 + [0.0] * 20
    _, result = fit_weight(
        targets, train_origins=range(19), validation_origins=range(19, 39), learning_rate=1e-9
    )
    assert result.history[0].train_loss == pytest.approx(3 / 19, rel=1e-4)


def test_train_keeps_the_best_weights_not_the_last(fit_weight):
    network, result = fit_weight(**APART, max_epochs=4, patience=10)
    only_first, _ = fit_weight(**APART, max_epochs=1)
    losses = [epoch.validation_loss for epoch in result.history]
    assert losses == sorted(losses)
    assert result.best_epoch == 1
    assert same(network, only_first)


def test_train_keeps_the_last_weights_where_it_is_told_to(fit_weight):
    network, result = fit_weight(**APART, max_epochs=4, patience=1, keep="last")
    best, _ = fit_weight(**APART, max_epochs=4, patience=1)
    assert (len(result.history), result.best_epoch, result.stopped) == (4, 4, "max_epochs")
    assert not same(network, best)


def test_train_stops_early(fit_weight):
    _, result = fit_weight(**APART, max_epochs=50, patience=3)
    assert (result.stopped, len(result.history)) == ("patience", 4)


def test_train_goes_on_while_it_improves(fit_weight):
    _, result = fit_weight(**TOGETHER, max_epochs=8, patience=1, learning_rate=0.01)
    assert (result.stopped, result.best_epoch, len(result.history)) == ("max_epochs", 8, 8)


def test_train_takes_less_than_a_ten_thousandth_for_no_improvement(fit_weight):
    _, result = fit_weight(**TOGETHER, max_epochs=9, patience=2, learning_rate=1e-6)
    assert (result.stopped, result.best_epoch) == ("patience", 1)


def test_train_lowers_the_learning_rate_on_a_plateau(fit_weight):
    _, result = fit_weight(
        **APART, max_epochs=5, patience=10, plateau_patience=1, plateau_factor=0.3
    )
    # Epochs 2 and 3 are worse: one is borne, the second lowers the rate of epoch 4.
    assert [e.learning_rate for e in result.history] == pytest.approx([0.1, 0.1, 0.1, 0.03, 0.03])


@pytest.mark.parametrize(("clip_norm", "largest"), [(0.25, 0.25), (100.0, 2.0)])
def test_train_clips_gradients(fit_weight, clip_norm, largest):
    # The gradient of (0 - 1)^2 is -2.
    norms = []

    def note(optimizer, *_):
        norms.extend(float(p.grad.norm()) for g in optimizer.param_groups for p in g["params"])

    hook = register_optimizer_step_pre_hook(note)
    try:
        fit_weight(**TOGETHER, clip_norm=clip_norm, batch_size=32)
    finally:
        hook.remove()
    assert norms == pytest.approx([largest], rel=1e-4)


def test_train_draws_at_most_windows_per_epoch_anew_in_each_epoch(fit_weight):
    network, _ = fit_weight(**TOGETHER, windows_per_epoch=6, max_epochs=3, batch_size=4)
    drawn = network.seen[True]
    assert [len(batch) for batch in drawn] == [4, 2] * 3
    epochs = [frozenset(drawn[i] + drawn[i + 1]) for i in (0, 2, 4)]
    assert all(len(epoch) == 6 and epoch <= set(range(19)) for epoch in epochs)
    assert len(set(epochs)) > 1


def test_train_shows_every_window_once_an_epoch(fit_weight):
    network, _ = fit_weight(**TOGETHER, batch_size=4)
    assert sorted(chain(*network.seen[True])) == list(range(19))


def test_train_spreads_at_most_validation_windows_evenly(fit_weight):
    network, _ = fit_weight(**TOGETHER, validation_windows=7)
    assert list(chain(*network.seen[False])) == [19, 22, 25, 28, 31, 34, 37]


@pytest.mark.parametrize("bad", [math.inf, math.nan, 1e30])
def test_train_refuses_a_loss_that_is_not_finite(fit_weight, bad):
    broken = {**TOGETHER, "targets": [1.0, bad, *[1.0] * 38]}
    with pytest.raises(TrainingError, match=r"training loss is .* epoch 1: lower training\.learni"):
        fit_weight(**broken)


def test_train_names_a_validation_loss_that_is_not_finite(fit_weight):
    broken = {**TOGETHER, "targets": [*[1.0] * 30, math.nan, *[1.0] * 9]}
    with pytest.raises(TrainingError, match=r"validation loss is nan in epoch 1.*now 0\.1"):
        fit_weight(**broken)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_train_refuses_to_start_without_windows(fit_weight, part):
    none = {**TOGETHER, f"{part}_origins": np.array([], dtype=int)}
    with pytest.raises(TrainingError, match=rf"no complete {part}.* window: ingest more history"):
        fit_weight(**none)


def test_train_tells_the_network_each_epoch_before_it(fit_weight):
    network, _ = fit_weight(**TOGETHER, max_epochs=3)
    assert network.epochs == [1, 2, 3]


def test_train_uses_the_loss_it_is_given(fit_weight):
    def thrice(predicted, targets):
        return 3 * (predicted - targets).abs().mean()

    _, result = fit_weight(**TOGETHER, loss_of=thrice, loss="mse", start=3.0, learning_rate=1e-6)
    assert result.history[0].train_loss == pytest.approx(6.0, rel=1e-4)
    assert result.history[0].validation_loss == pytest.approx(6.0, rel=1e-4)


def test_train_decays_weights(fit_weight):
    # The decay takes learning rate * weight_decay of the weight 1; the gradient is 0.
    network, _ = fit_weight(**TOGETHER, start=1.0, weight_decay=0.5, batch_size=32)
    assert network.weight.item() == pytest.approx(0.95)
    network, _ = fit_weight(**TOGETHER, start=1.0, batch_size=32)
    assert network.weight.item() == 1.0


def test_train_judges_and_keeps_averaged_weights(fit_weight):
    network, result = fit_weight(**TOGETHER, weight_averaging=0.9, batch_size=32)
    # One step, 0 -> 0.1; the average's first decay is 2 / 11.
    assert network.weight.item() == pytest.approx(0.1 * 9 / 11, rel=1e-4)
    assert result.history[0].validation_loss == pytest.approx((1 - 0.9 / 11) ** 2, rel=1e-4)


def test_train_goes_on_from_its_own_weights_not_the_averages(fit_weight):
    losses = [
        [epoch.train_loss for epoch in fit_weight(**TOGETHER, max_epochs=4, **more)[1].history]
        for more in ({}, {"weight_averaging": 0.99})
    ]
    assert losses[0] == losses[1]


def test_train_follows_a_cosine_to_zero(fit_weight):
    _, result = fit_weight(
        **TOGETHER, schedule="cosine", batch_size=10, max_epochs=4, patience=9, learning_rate=0.1
    )
    # Two steps an epoch, eight in all; an epoch reports its last: steps 1, 3, 5 and 7.
    expected = [0.05 * (1 + math.cos(math.pi * step / 8)) for step in (1, 3, 5, 7)]
    assert [epoch.learning_rate for epoch in result.history] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("warmup_steps", "risen"), [(3, [0.25, 0.5, 0.75]), (50, [0.25, 0.5, 0.75])]
)
def test_train_rises_to_the_cosine_over_the_warmup(fit_weight, warmup_steps, risen):
    fields = {"schedule": "cosine", "batch_size": 20, "max_epochs": 12, "patience": 13}
    _, at_once = fit_weight(**TOGETHER, **fields)  # a step an epoch
    _, slowly = fit_weight(**TOGETHER, **fields, warmup_steps=warmup_steps)
    ratio = [
        a.learning_rate / b.learning_rate
        for a, b in zip(slowly.history, at_once.history, strict=True)
    ]
    assert ratio == pytest.approx(risen + [1] * 9)  # at most a quarter of all steps


def test_train_stopped_by_its_listener_leaves_the_checkpoint(fit_weight, tmp_path):
    class Hopeless(Exception):
        pass

    def stop(report):
        raise Hopeless

    checkpoint = tmp_path / "run.safetensors"
    with pytest.raises(Hopeless):
        fit_weight(**TOGETHER, checkpoint=checkpoint, on_epoch=stop)
    network, result = fit_weight(**TOGETHER, checkpoint=checkpoint, max_epochs=2)
    assert result.resumed_after == 1
    assert network.epochs == [2]


def test_train_leaves_the_rate_alone_where_it_is_constant(fit_weight):
    _, result = fit_weight(
        **APART, schedule="constant", max_epochs=5, patience=10, plateau_patience=0
    )
    assert {epoch.learning_rate for epoch in result.history} == {0.1}


def test_seeded_leaves_the_random_state_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with seeded(1):
        inside = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    with seeded(1):
        assert torch.equal(torch.rand(3), inside)


def test_train_takes_the_batches_that_the_data_makes_of_what_was_drawn(fit_weight, monkeypatch):
    asked = []

    def two_by_two(self, drawn, batch_size, shuffle):
        asked.append((len(drawn), batch_size, shuffle is not None))
        return drawn.sort().values.split(2)

    monkeypatch.setattr(ForecastData, "batches", two_by_two)
    network, _ = fit_weight(**TOGETHER, batch_size=4)
    assert network.seen[True] == [[i, i + 1] for i in range(0, 18, 2)] + [[18]]
    assert network.seen[False] == [[i, i + 1] for i in range(19, 39, 2)]
    assert asked == [(19, 4, True), (20, 16, False)]


@pytest.mark.parametrize(
    ("wanted", "in_hardware", "expected"),
    [
        ("always", True, torch.bfloat16),
        ("always", False, torch.float32),
        ("gpu", True, torch.float32),
        ("never", True, torch.float32),
    ],
)
def test_train_runs_in_bfloat16_where_the_config_and_the_processor_say_so(
    train_sine, monkeypatch, wanted, in_hardware, expected
):
    monkeypatch.setattr(device, "multiplies_bfloat16", lambda: in_hardware)
    seen = {True: set(), False: set()}

    def note(module, _, answer):
        if isinstance(module, torch.nn.Linear):
            seen[module.training].add(answer.dtype)

    hook = register_module_forward_hook(note)
    try:
        train_sine(max_epochs=1, mixed_precision=wanted)
    finally:
        hook.remove()
    assert seen == {True: {expected}, False: {torch.float32}}
