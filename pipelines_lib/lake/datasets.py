"""Declarations of datasets: kept in the lake, so that every other flow only names its dataset."""

import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import ConfigError, LakeError, shown
from pipelines_lib.lake.place import ROOT
from pipelines_lib.lake.store import Lake
from pipelines_lib.tables import DATASETS

FIXED_FIELDS = (
    "kind",
    "value_columns",
    "target",
    "unit",
    "calendar",
    "step_minutes",
    "offset_minutes",
)
"""What stored rows depend on; anything else may change from one ingest to the next."""


def declare_dataset(lake: Lake, config: DatasetConfig) -> None:
    """Keep a dataset's declaration; a repeated one changes nothing.

    Raises:
        ConfigError: The dataset exists with other columns, calendar or units.
    """
    stored = _declarations(lake).get(config.name)
    if stored is not None:
        for field in FIXED_FIELDS:
            old, new = getattr(stored, field), getattr(config, field)
            if old != new:
                raise ConfigError(
                    f"dataset {config.name} was declared with {field}={old!r}, now {new!r}: "
                    "its stored rows depend on that; give the new declaration a new name"
                )
    row = pd.DataFrame({"dataset": [config.name], "declaration": [config.model_dump_json()]})
    lake.merge_rows(ROOT, DATASETS, row)


def read_dataset(lake: Lake, name: str) -> DatasetConfig:
    """Return a dataset's declaration.

    Raises:
        LakeError: No ingest has declared it.
    """
    declared = _declarations(lake)
    if name not in declared:
        known = shown(sorted(declared)) or "none yet"
        raise LakeError(f"dataset {name!r} is not in the lake (known: {known}): ingest it first")
    return declared[name]


def list_datasets(lake: Lake) -> list[str]:
    """Return the names of all declared datasets, sorted."""
    return sorted(_declarations(lake))


def _declarations(lake: Lake) -> dict[str, DatasetConfig]:
    rows = lake.read_rows(ROOT, DATASETS)
    return {
        name: DatasetConfig.model_validate_json(text)
        for name, text in zip(rows["dataset"], rows["declaration"], strict=True)
    }
