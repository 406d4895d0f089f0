"""What a run does: frozen pydantic models that are also the flows' parameters."""

from pipelines_lib.config.backtest import BacktestConfig
from pipelines_lib.config.base import AnyDatasetName, Config, DatasetName
from pipelines_lib.config.classifier import (
    ClassifierConfig,
    LinearConfig,
    NgramConfig,
    TextSplitConfig,
    TokenizerConfig,
)
from pipelines_lib.config.dataset import BAR_COLUMNS, DatasetConfig, SourceConfig
from pipelines_lib.config.detector import DetectorConfig, EventConfig, PartName, ThresholdConfig
from pipelines_lib.config.documents import DocumentsConfig
from pipelines_lib.config.forecaster import NAIVE_MODELS, ForecasterConfig
from pipelines_lib.config.search import SearchConfig
from pipelines_lib.config.training import (
    NetworkConfig,
    ScalerKind,
    SplitConfig,
    TrainingConfig,
)

__all__ = [
    "BAR_COLUMNS",
    "NAIVE_MODELS",
    "AnyDatasetName",
    "BacktestConfig",
    "ClassifierConfig",
    "Config",
    "DatasetConfig",
    "DatasetName",
    "DetectorConfig",
    "DocumentsConfig",
    "EventConfig",
    "ForecasterConfig",
    "LinearConfig",
    "NetworkConfig",
    "NgramConfig",
    "PartName",
    "ScalerKind",
    "SearchConfig",
    "SourceConfig",
    "SplitConfig",
    "TextSplitConfig",
    "ThresholdConfig",
    "TokenizerConfig",
    "TrainingConfig",
]
