"""Whether news help: the same folds with and without them, and a plain answer."""

import io

import pytest
from prefect.client.orchestration import get_client
from rich.console import Console

from deployments.summary import print_backtest
from flows.ablation import sentiment_ablation
from pipelines_lib.config import (
    BacktestConfig,
    ClassifierConfig,
    DatasetConfig,
    DocumentsConfig,
    ForecasterConfig,
    LinearConfig,
    NgramConfig,
    SourceConfig,
    SplitConfig,
    TokenizerConfig,
    TrainingConfig,
)
from pipelines_lib.errors import ConfigError
from pipelines_lib.reports.verdicts import conclude

NEWS = DatasetConfig(
    name="news",
    source=SourceConfig(kind="synthetic-market", n_series=8, n_steps=700, seed=7),
    documents=DocumentsConfig(kind="synthetic", n_documents=5000),
)
CLASSIFIER = ClassifierConfig(
    tokenizer=TokenizerConfig(vocabulary=1000, max_tokens=40),
    embedding=16,
    hidden=16,
    ngrams=NgramConfig(buckets=4096, size=8),
    linear=LinearConfig(buckets=4096),
    training=TrainingConfig(max_epochs=6, batch_size=64, learning_rate=0.01, schedule="constant"),
)
FORECASTER = ForecasterConfig(
    lookback=10,
    horizon=1,
    hidden=8,
    features=["volatility"],
    split=SplitConfig(validation_steps=30, calibration_steps=40),
    training=TrainingConfig(max_epochs=6, batch_size=128, learning_rate=0.005),
)
FOLDS = BacktestConfig(n_folds=3, test_steps=120)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Ask once whether made-up news helps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWATCH_HOME", str(tmp_path_factory.mktemp("ablation") / "home"))
        yield sentiment_ablation(NEWS, CLASSIFIER, FORECASTER, FOLDS).summary


def test_sentiment_ablation_finds_what_the_headlines_know(found):
    lines = {line.name: line.metrics for line in found.lines}
    assert lines["with-sentiment"]["mase"] < lines["base"]["mase"]
    test = found.versus_base["with-sentiment"]
    assert test.difference < 0
    assert test.p < 0.05  # of 360 origins, on which it is about 1e-9 for any seed and precision
    assert found.conclusion.startswith("sentiment helps (")


def test_sentiment_ablation_says_so_everywhere(found):
    with get_client(sync_client=True) as client:
        artifacts = client.read_latest_artifacts()
    text = next(a.data for a in artifacts if a.key == "backtest-news")
    assert f"**{found.conclusion}**" in text
    out = io.StringIO()
    print_backtest(found, Console(file=out, width=200))
    assert found.conclusion in out.getvalue()


def test_conclude_says_that_a_model_beside_itself_does_not_help(found):
    same = found.versus_base["with-sentiment"]
    unsure = type(same)(same.difference, same.statistic, 0.4, same.origins)
    worse = type(same)(-same.difference, same.statistic, 0.001, same.origins)
    for test, said in ((unsure, "cannot be shown to help ("), (worse, "makes it worse (")):
        found.versus_base["with-sentiment"] = test
        assert conclude(found, "with-sentiment", "sentiment").startswith(f"sentiment {said}")
    found.versus_base["with-sentiment"] = same


def test_sentiment_ablation_refuses_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigError, match=r"documents\.kind=none"):
        sentiment_ablation(NEWS.model_copy(update={"documents": DocumentsConfig()}))
    assert not (tmp_path / "home" / "lake").exists()
