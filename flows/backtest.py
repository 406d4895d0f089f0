"""Backtest a forecaster."""

from pipelines_lib.config import BacktestConfig, DatasetConfig, ForecasterConfig
from pipelines_lib.config.backtest import VariantText, read_variants
from tasks.backtest import Backtested, backtest_forecaster, register_newest
from tasks.ingest import ingest_rows
from tasks.job import job
from tasks.outcome import end_state


@job("backtest", "backtest {dataset.name}")
def backtest(
    dataset: DatasetConfig,
    forecaster: ForecasterConfig = ForecasterConfig(),
    backtest: BacktestConfig = BacktestConfig(),
    variants: list[VariantText] = [],  # noqa: B006
) -> Backtested:
    """Ingest a dataset and judge a forecaster in folds that walk forward through its history.

    Args:
        dataset: The declaration: source, series, calendar, columns.
        forecaster: Network, window and training; the lengths of validation and calibration.
        backtest: The folds, and whether to fit on all data afterwards.
        variants: Further configs on the very same windows, each `NAME: field=value field=value`,
            such as `stacked: layers=2 dropout=0.2`.
    """
    read_variants(forecaster, variants)  # a mistake is refused before anything is fetched
    ingested = ingest_rows(dataset)
    done = backtest_forecaster(dataset.name, forecaster, backtest, variants)
    if backtest.final_fit:
        done = register_newest(dataset.name, forecaster, done)
    return end_state(done, ingested.report)
