"""Checkpoints: a killed training ends as if nothing had happened; a file is whole or ignored."""

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines_lib.models import LSTMForecaster
from pipelines_lib.training.checkpoint import Progress, load_checkpoint, save_checkpoint

SCRIPT = Path(__file__).with_name("resumable.py")
REPOSITORY = Path(__file__).parents[3]


def same(one, other) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def untimed(result) -> list[dict]:
    return [{**asdict(epoch), "seconds": 0.0} for epoch in result.history]


class Interrupted(Exception):
    pass


def interrupt_after(epoch: int):
    def raise_then(report):
        if report.epoch == epoch:
            raise Interrupted

    return raise_then


@pytest.fixture
def state():
    """Return the state of a training after its first step."""
    torch.manual_seed(0)
    model = LSTMForecaster(n_features=1, hidden=3, layers=1, dropout=0.0, horizon=2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 4, 1)).sum().backward()
    optimizer.step()
    return {"model": model, "optimizer": optimizer, "generator": torch.Generator().manual_seed(1)}


def save(path, state, **progress) -> None:
    best = {name: value.clone() for name, value in state["model"].state_dict().items()}
    save_checkpoint(path, progress=Progress(epoch=1, **progress), best=best, **state)


def test_train_killed_after_a_checkpoint_ends_with_the_same_weights(train_sine, tmp_path):
    checkpoint = tmp_path / "deep" / "run.safetensors"
    child = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(checkpoint), "3"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert child.stdout is not None
    heard = [child.stdout.readline().strip() for _ in range(3)]
    child.kill()  # SIGKILL: no handler, no clean-up
    assert child.wait(timeout=30) == -9
    child.stdout.close()
    assert heard == ["epoch 1", "epoch 2", "epoch 3"]
    assert checkpoint.exists()

    resumed, result = train_sine(checkpoint)
    whole, expected = train_sine()
    assert result.resumed_after == 3
    assert same(resumed, whole)
    assert untimed(result)[3:] == untimed(expected)[3:]
    assert [epoch.epoch for epoch in result.history] == [1, 2, 3, 4, 5, 6]
    assert not checkpoint.exists()


@pytest.mark.parametrize("epoch", [1, 5, 6])
def test_train_interrupted_anywhere_ends_with_the_same_weights(train_sine, tmp_path, epoch):
    checkpoint = tmp_path / "run.safetensors"
    with pytest.raises(Interrupted):
        train_sine(checkpoint, interrupt_after(epoch))
    resumed, result = train_sine(checkpoint)
    whole, expected = train_sine()
    assert same(resumed, whole)
    assert (result.resumed_after, expected.resumed_after) == (epoch, 0)
    assert (result.best_epoch, result.stopped) == (expected.best_epoch, expected.stopped)
    assert untimed(result) == untimed(expected)


def test_train_resumed_keeps_best_weights_learning_rate_and_patience(fit_weight, tmp_path):
    apart = {"targets": [1.0] * 20 + [0.0] * 20, "train_origins": range(19)}
    apart |= {"validation_origins": range(19, 39), "start": 0.2, "plateau_patience": 0}
    path = tmp_path / "run.safetensors"
    kept = tmp_path / "kept.safetensors"
    real, count = os.replace, []

    def keep_the_second(source, target):
        real(source, target)
        count.append(target)
        if len(count) == 2:
            kept.write_bytes(Path(target).read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", keep_the_second)
        whole, expected = fit_weight(**apart, max_epochs=9, patience=3, checkpoint=path)
    resumed, result = fit_weight(**apart, max_epochs=9, patience=3, checkpoint=kept)
    assert (result.resumed_after, result.stopped, result.best_epoch) == (2, "patience", 1)
    assert [e.learning_rate for e in result.history] == [e.learning_rate for e in expected.history]
    assert same(resumed, whole)


def test_train_removes_its_checkpoint_and_leaves_no_draft(train_sine, tmp_path):
    train_sine(tmp_path / "run.safetensors")
    assert list(tmp_path.iterdir()) == []


def _garbage(path):
    path.write_bytes(b"not a checkpoint at all")


def _empty(path):
    path.write_bytes(b"")


def _torn(path, train_sine):
    with pytest.raises(Interrupted):
        train_sine(path, interrupt_after(2))
    path.write_bytes(path.read_bytes()[:-100])


def _without_progress(path):
    save_file({"a": torch.zeros(2)}, path)


def _of_another_network(path, train_sine):
    """Same names, other shapes: as left by a training that hashed to the same name."""
    with pytest.raises(Interrupted):
        train_sine(path, interrupt_after(2))
    with safe_open(path, framework="pt") as stored:
        metadata = stored.metadata()
    tensors = load_file(path)
    tensors["model.head.bias"] = torch.zeros(9)
    save_file(tensors, path, metadata=metadata)


@pytest.mark.parametrize("spoil", [_garbage, _empty, _torn, _without_progress, _of_another_network])
def test_train_starts_again_from_an_unusable_checkpoint(train_sine, tmp_path, spoil):
    path = tmp_path / "run.safetensors"
    spoil(path, train_sine) if spoil.__code__.co_argcount == 2 else spoil(path)
    network, result = train_sine(path)
    assert result.resumed_after == 0
    assert same(network, train_sine()[0])
    assert not path.exists()


def test_load_checkpoint_restores_what_was_saved(state, tmp_path):
    path = tmp_path / "run.safetensors"
    save(path, state, best_epoch=1, best_loss=0.1 + 0.2, scheduler={"best": 0.3})
    drawn = torch.randperm(9, generator=state["generator"])
    before = {name: value.clone() for name, value in state["model"].state_dict().items()}
    moments = state["optimizer"].state_dict()["state"][0]["exp_avg"].clone()
    with torch.no_grad():
        for weight in state["model"].parameters():
            weight.zero_()
    state["optimizer"].zero_grad()
    state["model"](torch.ones(2, 4, 1)).sum().backward()
    state["optimizer"].step()

    progress, best = load_checkpoint(path, **state)
    assert progress == Progress(1, 1, 0.1 + 0.2, [], {"best": 0.3})
    assert all(torch.equal(best[name], value) for name, value in before.items())
    assert all(torch.equal(v, before[n]) for n, v in state["model"].state_dict().items())
    assert torch.equal(state["optimizer"].state_dict()["state"][0]["exp_avg"], moments)
    assert torch.equal(torch.randperm(9, generator=state["generator"]), drawn)


def test_load_checkpoint_finds_none_where_none_is(state, tmp_path):
    assert load_checkpoint(tmp_path / "none.safetensors", **state) is None


def test_save_checkpoint_leaves_the_old_file_whole_until_the_new_one_is(
    state, tmp_path, monkeypatch
):
    path = tmp_path / "run.safetensors"
    save(path, state)
    old = path.read_bytes()

    def die(*_):
        raise Interrupted  # as a kill between writing and renaming

    monkeypatch.setattr("pipelines_lib.training.checkpoint.os.replace", die)
    with pytest.raises(Interrupted):
        save(path, state, best_epoch=1)
    assert path.read_bytes() == old

    def die_half_way(tensors, draft, **_):
        Path(draft).write_bytes(b"half")
        raise Interrupted

    monkeypatch.setattr("pipelines_lib.training.checkpoint.save_file", die_half_way)
    with pytest.raises(Interrupted):
        save(path, state, best_epoch=1)
    assert path.read_bytes() == old
