"""Jobs that a run has made: one YAML file each, in the form of an entry of prefect.yaml."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml


def write_job(
    folder: Path,
    *,
    name: str,
    entrypoint: str,
    description: str,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
) -> Path:
    """Write a job as FOLDER/NAME.yaml, whole or not at all; one of the same name is replaced."""
    entry = {
        "name": name,
        "description": description,
        "entrypoint": entrypoint,
        "work_pool": {"name": "tidewatch"},
        "tags": list(tags),
        "parameters": dict(parameters),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    partial = path.with_suffix(f".{os.getpid()}.part")
    partial.write_text(
        yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100), encoding="utf-8"
    )
    os.replace(partial, path)
    return path
