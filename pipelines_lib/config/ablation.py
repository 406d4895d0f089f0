"""The variant of a forecaster that is given the sentiment of documents."""

from collections.abc import Sequence
from typing import Annotated

from pipelines_lib.config.backtest import read_variants
from pipelines_lib.config.base import shaped
from pipelines_lib.config.dataset import DatasetConfig
from pipelines_lib.config.forecaster import ForecasterConfig
from pipelines_lib.errors import ConfigError

WITH_SENTIMENT = "with-sentiment"
SENTIMENT = "sentiment"
"""What the features of documents are called, or begin with."""
FEATURES = ("sentiment", "sentiment_count", "sentiment_dispersion", "sentiment_mood")
SentimentFeature = Annotated[str, shaped(enum=list(FEATURES))]


def sentiment_variant(
    dataset: DatasetConfig, forecaster: ForecasterConfig, features: Sequence[str]
) -> str:
    """Return the variant of a forecaster with more features, as a backtest reads it.

    Raises:
        ConfigError: There is nothing to compare: no series, no documents, no feature of theirs, or
            the forecaster has one already.
    """
    if not dataset.has_series or not dataset.has_documents:
        lacks = "documents.kind=none" if dataset.has_series else "kind=documents"
        raise ConfigError(
            f"dataset {dataset.name} has {lacks}: whether sentiment helps is asked of a dataset "
            "with series and documents"
        )
    wrong = [name for name in features if not name.startswith(SENTIMENT)]
    if wrong or not features:
        raise ConfigError(
            f"sentiment_features has {', '.join(wrong) or 'nothing'}: name some of "
            f"{', '.join(FEATURES)}"
        )
    have = [name for name in forecaster.features if name.startswith(SENTIMENT)]
    if have:
        raise ConfigError(
            f"forecaster.features has {', '.join(have)}: leave it to sentiment_features, so that "
            "there is a forecaster without"
        )
    variant = f"{WITH_SENTIMENT}: features={','.join([*forecaster.features, *features])}"
    read_variants(forecaster, [variant])
    return variant
