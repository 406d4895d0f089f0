"""Checkpoints: a killed training ends as if nothing had happened; a file is whole or ignored."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines_lib.models.inputs import Inputs
from pipelines_lib.training.averaging import WeightAverage
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
def state(resumable):
    """Return the state of a training after its first step."""
    torch.manual_seed(0)
    model = resumable.Small(hidden=3, dropout=0.0)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    average = WeightAverage(model, 0.9)
    model(Inputs(torch.ones(2, 4, 1))).sum().backward()
    optimizer.step()
    average.update(1)
    shuffle = torch.Generator().manual_seed(1)
    return {"model": model, "optimizer": optimizer, "generator": shuffle, "average": average}


def save(path, state, **progress) -> None:
    best = {name: value.clone() for name, value in state["model"].state_dict().items()}
    save_checkpoint(path, progress=Progress(1, 5, **progress), best=best, **state)


KINDS = {
    "plateau": {},
    "cosine": {"schedule": "cosine", "weight_decay": 0.1},
    "averaged": {"schedule": "constant", "weight_averaging": 0.9},
    "all": {"schedule": "cosine", "weight_averaging": 0.8, "weight_decay": 0.01, "loss": "huber"},
}


def test_train_killed_within_an_epoch_ends_with_the_same_weights(resumable, tmp_path):
    in_fourth_epoch = 3 * resumable.STEPS_PER_EPOCH + 3
    children = {
        kind: subprocess.Popen(
            [
                *(sys.executable, str(SCRIPT), str(tmp_path / "deep" / kind)),
                *(str(in_fourth_epoch), json.dumps(config)),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        for kind, config in KINDS.items()
        if kind != "all"
    }
    for kind, child in children.items():
        assert child.stdout is not None
        heard = [child.stdout.readline().strip() for _ in range(4)]
        child.kill()  # SIGKILL: no handler, no clean-up
        assert child.wait(timeout=30) == -9
        child.stdout.close()
        assert heard == ["epoch 1", "epoch 2", "epoch 3", "step"]
        checkpoint = tmp_path / "deep" / kind
        assert checkpoint.exists()

        resumed, result = resumable.train_sine(checkpoint, **KINDS[kind])
        whole, expected = resumable.train_sine(**KINDS[kind])
        assert result.resumed_after == 3
        assert same(resumed, whole), kind
        assert untimed(result) == untimed(expected)
        assert [epoch.epoch for epoch in result.history] == [1, 2, 3, 4, 5, 6]
        assert not checkpoint.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("epoch", [1, 5, 6])
def test_train_interrupted_anywhere_ends_with_the_same_weights(train_sine, tmp_path, epoch, kind):
    checkpoint = tmp_path / "run.safetensors"
    with pytest.raises(Interrupted):
        train_sine(checkpoint, interrupt_after(epoch), **KINDS[kind])
    resumed, result = train_sine(checkpoint, **KINDS[kind])
    whole, expected = train_sine(**KINDS[kind])
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


def _with_averages(path, train_sine):
    with pytest.raises(Interrupted):
        train_sine(path, interrupt_after(2), weight_averaging=0.9)


def _of_another_network(path, train_sine):
    """Same names, other shapes: as left by a training that hashed to the same name."""
    with pytest.raises(Interrupted):
        train_sine(path, interrupt_after(2))
    with safe_open(path, framework="pt") as stored:
        metadata = stored.metadata()
    tensors = load_file(path)
    tensors["model.head.bias"] = torch.zeros(9)
    save_file(tensors, path, metadata=metadata)


@pytest.mark.parametrize(
    "spoil",
    [_garbage, _empty, _torn, _without_progress, _with_averages, _of_another_network],
)
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
    averages = [value.clone() for value in state["average"].state().values()]
    moments = state["optimizer"].state_dict()["state"][0]["exp_avg"].clone()
    with torch.no_grad():
        for weight in state["model"].parameters():
            weight.zero_()
    state["optimizer"].zero_grad()
    state["model"](Inputs(torch.ones(2, 4, 1))).sum().backward()
    state["optimizer"].step()
    state["average"].update(2)

    progress, best = load_checkpoint(path, **state)
    assert progress == Progress(1, 5, 1, 0.1 + 0.2, [], {"best": 0.3})
    assert all(torch.equal(best[name], value) for name, value in before.items())
    assert all(torch.equal(v, before[n]) for n, v in state["model"].state_dict().items())
    assert torch.equal(state["optimizer"].state_dict()["state"][0]["exp_avg"], moments)
    restored = state["average"].state().values()
    assert all(torch.equal(a, b) for a, b in zip(restored, averages, strict=True))
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
