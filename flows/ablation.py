"""See whether the sentiment of documents helps a forecaster."""

from pipelines_lib.config import (
    BacktestConfig,
    ClassifierConfig,
    DatasetConfig,
    ForecasterConfig,
)
from pipelines_lib.config.ablation import WITH_SENTIMENT, SentimentFeature, sentiment_variant
from tasks.backtest import Backtested, backtest_forecaster, conclude_backtest
from tasks.documents import ingest_texts
from tasks.forecast import champion_version
from tasks.ingest import ingest_rows
from tasks.job import job
from tasks.outcome import end_state
from tasks.sentiment import score_texts, train_classifier_model


@job("sentiment-ablation", "sentiment ablation {dataset.name}")
def sentiment_ablation(
    dataset: DatasetConfig,
    classifier: ClassifierConfig = ClassifierConfig(),
    forecaster: ForecasterConfig = ForecasterConfig(),
    backtest: BacktestConfig = BacktestConfig(),
    sentiment_features: list[SentimentFeature] = ["sentiment", "sentiment_count", "sentiment_mood"],  # noqa: B006
) -> Backtested:
    """Backtest a forecaster with and without daily sentiment, in the same folds.

    Documents are scored by the champion; where there is none, it is trained first.

    Args:
        dataset: The declaration, with series and documents.
        classifier: Used when a classifier of the dataset's own documents must be trained.
        forecaster: The forecaster without sentiment.
        backtest: The folds.
        sentiment_features: What the other forecaster is given besides.
    """
    variant = sentiment_variant(dataset, forecaster, sentiment_features)
    name = dataset.name
    ingested, texts = ingest_rows(dataset), ingest_texts(dataset)
    own = dataset.documents.classifier in ("", name)
    if own and not champion_version(name, "classify"):
        train_classifier_model(name, classifier)
    score_texts(name)
    done = backtest_forecaster(name, forecaster, backtest, [variant])
    done = conclude_backtest(done, WITH_SENTIMENT, "sentiment")
    return end_state(done, ingested.report, texts.report)
