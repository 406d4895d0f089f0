"""Weights of a finished network, kept while others of the same forecaster are still trained."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from pipelines_lib.training.loop import EpochReport, TrainingResult


def save_weights(path: Path, model: nn.Module, result: TrainingResult) -> None:
    """Write a trained network and its record; a kill leaves no file or a whole one."""
    settled = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    save_file(settled, draft, metadata={"result": json.dumps(asdict(result))})
    os.replace(draft, path)


def load_weights(path: Path, model: nn.Module) -> TrainingResult | None:
    """Give a network the weights of a file, and return its record; None: there is no such file."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            record = json.loads(stored.metadata()["result"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        model.load_state_dict(tensors)
        history = [EpochReport(**entry) for entry in record.pop("history")]
        result = TrainingResult(history=history, **record)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError):
        path.unlink()  # of another form: train again rather than guess
        return None
    model.eval()
    return result
