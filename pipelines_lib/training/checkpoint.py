"""Checkpoints of an unfinished training: one safetensors file, written atomically, no pickle."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipelines_lib.training.averaging import WeightAverage


@dataclass
class Progress:
    """Everything of the loop that is not a tensor; plain JSON."""

    epoch: int = 0
    """Epochs finished."""
    step: int = 0
    """Steps taken, over all epochs."""
    best_epoch: int = 0
    best_loss: float = float("inf")
    history: list[dict[str, float]] = field(default_factory=list)
    scheduler: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    path: Path,
    *,
    progress: Progress,
    model: nn.Module,
    best: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    average: WeightAverage,
) -> None:
    """Write the state after an epoch; a kill leaves the old file or the new one, whole."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    tensors |= {f"average.{name}": value for name, value in average.state().items()}
    tensors |= {"rng.shuffle": generator.get_state(), "rng.torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    settled = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    save_file(settled, draft, metadata={"progress": json.dumps(asdict(progress))})
    os.replace(draft, path)


def load_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    average: WeightAverage,
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Restore the state after the last whole epoch; None if there is no usable checkpoint."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            progress = Progress(**json.loads(stored.metadata()["progress"]))
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        _refuse_foreign(tensors, model, average)
    except (SafetensorError, KeyError, TypeError, ValueError):
        path.unlink()  # of another format: start again rather than guess
        return None
    model.load_state_dict(_part(tensors, "model."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer.").items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    average.restore(_part(tensors, "average."))
    generator.set_state(tensors["rng.shuffle"])
    torch.set_rng_state(tensors["rng.torch"])
    if "rng.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng.cuda"])
    return progress, _part(tensors, "best.")


def _refuse_foreign(tensors: dict[str, Tensor], model: nn.Module, average: WeightAverage) -> None:
    """Raise a ValueError if the tensors are not the state of such a training of this network."""
    state = model.state_dict()
    for prefix, own in (("model.", state), ("best.", state), ("average.", average.state())):
        expected = {name: value.shape for name, value in own.items()}
        if {name: value.shape for name, value in _part(tensors, prefix).items()} != expected:
            raise ValueError("a checkpoint of another network")
    if not {"rng.shuffle", "rng.torch"} <= tensors.keys():
        raise ValueError("a checkpoint without its random state")


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
