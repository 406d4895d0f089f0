"""What a run does: frozen pydantic models that are also the flows' parameters."""

from pipelines_lib.config.base import Config
from pipelines_lib.config.dataset import BAR_COLUMNS, DatasetConfig, SourceConfig
from pipelines_lib.config.models import (
    DetectorConfig,
    ForecasterConfig,
    NetworkConfig,
    ScalerKind,
    SplitConfig,
    TrainingConfig,
)

__all__ = [
    "BAR_COLUMNS",
    "Config",
    "DatasetConfig",
    "DetectorConfig",
    "ForecasterConfig",
    "NetworkConfig",
    "ScalerKind",
    "SourceConfig",
    "SplitConfig",
    "TrainingConfig",
]
