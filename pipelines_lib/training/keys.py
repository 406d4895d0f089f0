"""Names of unfinished trainings: the same inputs find the same checkpoint."""

import hashlib
from pathlib import Path

from pydantic import BaseModel


def checkpoint_path(
    folder: Path, *, dataset: str, task: str, config: BaseModel, digest: str, code: str
) -> Path:
    """Return the checkpoint file of a training, named by config, data and code version."""
    inputs = "\n".join((config.model_dump_json(), digest, code))
    key = hashlib.sha256(inputs.encode()).hexdigest()[:16]
    return folder / dataset / f"{task}-{key}.safetensors"
