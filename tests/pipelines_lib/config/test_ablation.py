"""The variant that is given sentiment, and what makes no sense to ask."""

import pytest

from pipelines_lib.config import DatasetConfig, DocumentsConfig, ForecasterConfig, SourceConfig
from pipelines_lib.config.ablation import sentiment_variant
from pipelines_lib.config.backtest import read_variants
from pipelines_lib.errors import ConfigError

NEWS = DatasetConfig(
    name="news",
    source=SourceConfig(kind="synthetic-market"),
    documents=DocumentsConfig(kind="synthetic"),
)
BASE = ForecasterConfig(features=["volatility"])


def test_sentiment_variant_adds_features_to_those_of_the_forecaster():
    variant = sentiment_variant(NEWS, BASE, ["sentiment", "sentiment_mood"])
    made = read_variants(BASE, [variant])["with-sentiment"]
    assert made.features == ["volatility", "sentiment", "sentiment_mood"]
    assert made.model_copy(update={"features": BASE.features}) == BASE


def test_sentiment_variant_of_no_features_has_those_of_sentiment_alone():
    variant = sentiment_variant(NEWS, BASE.model_copy(update={"features": []}), ["sentiment"])
    assert variant == "with-sentiment: features=sentiment"


@pytest.mark.parametrize(
    ("dataset", "features", "base", "said"),
    [
        (DatasetConfig(name="news"), ["sentiment"], BASE, "has documents.kind=none"),
        (NEWS.model_copy(update={"kind": "documents"}), ["sentiment"], BASE, "kind=documents"),
        (NEWS, [], BASE, "sentiment_features has nothing"),
        (NEWS, ["volatility"], BASE, "sentiment_features has volatility"),
        (NEWS, ["sentiment"], ForecasterConfig(features=["sentiment_mood"]), "leave it to"),
    ],
)
def test_sentiment_variant_refuses_in_a_sentence(dataset, features, base, said):
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        sentiment_variant(dataset, base, features)
