"""Backtest: walk forward through the history, judge every fold on what came after its training.

Variants of a config are judged on the very same windows, in the same units, beside the same
baselines, so that their losses can be compared day by day.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
import torch

from pipelines_lib.comparison import PairedTest
from pipelines_lib.config import BacktestConfig, DatasetConfig, ForecasterConfig
from pipelines_lib.config.backtest import BASE, read_variants
from pipelines_lib.errors import SeriesError
from pipelines_lib.forecasting.direction import direction_test
from pipelines_lib.forecasting.evaluation import Evaluation, join_evaluations, name_model
from pipelines_lib.forecasting.fit import (
    FittedForecaster,
    evaluate_on,
    fit_forecaster,
)
from pipelines_lib.forecasting.metrics import MODEL
from pipelines_lib.forecasting.origins import find_origins
from pipelines_lib.forecasting.prepare import Prepared
from pipelines_lib.forecasting.significance import paired_test
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.splits import Split, make_split, walk_forward_folds


@dataclass(frozen=True)
class JudgedFold:
    """One fold: what every variant did on its test, all on the same windows."""

    number: int
    """From 1, the oldest."""
    split: Split
    """The base's; every variant has the same test."""
    refitted: bool
    """Whether the models were fitted anew for this fold."""
    evaluations: dict[str, Evaluation]
    seconds: dict[str, float]
    """Wall time of fitting and forecasting, by variant."""
    left_out: dict[str, str]
    """Series that the base could not learn from, with the reason."""


@dataclass(frozen=True)
class BacktestResult:
    """Every fold, and all their windows together, by variant; the base comes first."""

    configs: dict[str, ForecasterConfig]
    folds: list[JudgedFold]
    overall: dict[str, Evaluation]
    versus: dict[str, dict[str, PairedTest]]
    """Paired tests of each variant against every baseline and every other variant."""
    directions: dict[str, PairedTest | None]
    """Tests of each variant's wrong directions against always naming the commoner one."""

    @property
    def baselines(self) -> list[str]:
        """Return the baselines, the best first."""
        metrics = self.overall[BASE].metrics
        headline = "mase" if "mase" in metrics else "mae"
        names = [name for name in self.overall[BASE].losses if name != MODEL]
        return sorted(names, key=lambda name: metrics[f"{name}_{headline}"])

    def seconds(self, variant: str) -> float:
        """Return the wall time of a variant over all folds."""
        return sum(fold.seconds[variant] for fold in self.folds)


def run_backtest(
    panel: Panel,
    *,
    dataset: DatasetConfig,
    config: ForecasterConfig,
    backtest: BacktestConfig,
    device: torch.device,
    variants: Sequence[str] = (),
    on_fold: Callable[[JudgedFold], None] = lambda fold: None,
) -> BacktestResult:
    """Fit and judge a config, and variants of it, in folds that walk forward.

    A fold's training, validation and calibration rows all lie before its test, a gap of at least
    the horizon apart. Between two fits the older model goes on forecasting, with its own scalers
    and interval. All windows of a fold are forecast at once.

    Args:
        panel: The series.
        dataset: Their declaration.
        config: The base: the model, and the lengths of validation and calibration.
        backtest: The folds.
        device: Where networks are trained.
        variants: Each `NAME: field=value field=value`, overrides of the base.
        on_fold: Called after each fold.

    Raises:
        ConfigError: A variant cannot be read.
        SeriesError: There is too little history for the folds, or no window that all can forecast.
    """
    configs = read_variants(config, list(variants))
    splits = {name: split_folds(panel, made, backtest) for name, made in configs.items()}
    folds: list[JudgedFold] = []
    fitted: dict[str, FittedForecaster] = {}
    prepared: dict[str, Prepared] = {}
    for number in range(backtest.n_folds):
        refits = backtest.fits_in(number)
        seconds = dict.fromkeys(configs, 0.0)
        if refits:
            for name, made in configs.items():
                began = time.perf_counter()
                fitted[name] = fit_forecaster(
                    panel, dataset=dataset, config=made, device=device, split=splits[name][number]
                )
                prepared[name] = fitted[name].forecaster.prepare(panel)
                seconds[name] = time.perf_counter() - began
        split = splits[BASE][number]
        origins = _find_common(fitted, prepared, split, number)
        evaluations = {}
        for name in configs:
            began = time.perf_counter()
            evaluations[name] = evaluate_on(
                fitted[name].forecaster,
                prepared[name],
                origins,
                scale=fitted[BASE].scale,
                season=fitted[BASE].season,
                device=device,
            )
            seconds[name] += time.perf_counter() - began
        folds.append(
            JudgedFold(number + 1, split, refits, evaluations, seconds, fitted[BASE].left_out)
        )
        on_fold(folds[-1])
    overall = {
        name: join_evaluations([fold.evaluations[name] for fold in folds]) for name in configs
    }
    directions = {name: direction_test(evaluation.judged) for name, evaluation in overall.items()}
    return BacktestResult(configs, folds, overall, _test_all(overall), directions)


def split_folds(panel: Panel, config: ForecasterConfig, backtest: BacktestConfig) -> list[Split]:
    """Return each fold's parts: validation and calibration come from the end of its training span.

    Raises:
        SeriesError: There is too little history for the oldest fold.
    """
    reach = config.horizon * config.sampling_rate
    folds = walk_forward_folds(
        first=int(panel.position.min()),
        last=panel.last_position,
        n_folds=backtest.n_folds,
        test_steps=backtest.test_steps,
        gap=max(config.split.gap_steps, reach),
        train_steps=backtest.train_steps or None,
    )
    lengths = config.split.model_copy(update={"test_steps": backtest.test_steps})
    return [
        make_split(
            first=fold.train.first,
            last=fold.test.last,
            config=lengths,
            lookback=(config.shortest - 1) * config.sampling_rate + 1,
            horizon=reach,
        )
        for fold in folds
    ]


SHARES = (
    "coverage_pct",
    "interval_width",
    "direction_pct",
    "rank_correlation",
    "rank_correlation_t",
)


def make_comparison(result: BacktestResult) -> pd.DataFrame:
    """Return a row for each variant, then for each baseline: errors, skill, intervals, p-values."""
    best = result.baselines[0]
    rows: list[dict[str, object]] = []
    for name, evaluation in result.overall.items():
        metrics, tests = evaluation.metrics, result.versus[name]
        row: dict[str, object] = {"variant": name, "model": name_model(result.configs[name])}
        row |= {column: metrics.get(column) for column in ("mae", "rmse", "mase", "skill_pct")}
        skills = [f"skill_vs_{other}_pct" for other in result.baselines if other != "last_value"]
        row |= {column: metrics.get(column) for column in (*skills, *SHARES)}
        row |= {
            "seconds": result.seconds(name),
            "p_vs_last_value": tests["last_value"].p,
            "best_baseline": best,
            "p_vs_best_baseline": tests[best].p,
            "p_vs_base": tests[BASE].p if name != BASE else None,
        }
        rows.append(row)
    metrics = result.overall[BASE].metrics
    wanted = ("mae", "rmse", "mase", "direction_pct", "rank_correlation", "rank_correlation_t")
    rows += [
        {"variant": name, "model": "baseline"} | {m: metrics.get(f"{name}_{m}") for m in wanted}
        for name in result.baselines
    ]
    return pd.DataFrame(rows)


def make_fold_table(result: BacktestResult) -> pd.DataFrame:
    """Return a row for each fold and variant: its first and last forecast, its metrics."""
    return pd.DataFrame(
        [
            {
                "fold": fold.number,
                "variant": name,
                "refitted": fold.refitted,
                "test_from": evaluation.judged.time.min(),
                "test_until": evaluation.judged.time.max(),
                "seconds": fold.seconds[name],
                **evaluation.metrics,
            }
            for fold in result.folds
            for name, evaluation in fold.evaluations.items()
        ]
    )


def _find_common(
    fitted: dict[str, FittedForecaster],
    prepared: dict[str, Prepared],
    split: Split,
    number: int,
) -> np.ndarray:
    """Return the test origins that every variant can forecast from."""
    each = [
        find_origins(made.forecaster, prepared[name], span=split.test)
        for name, made in fitted.items()
    ]
    origins = reduce(np.intersect1d, each)
    if len(origins) == 0:
        raise SeriesError(
            f"fold {number + 1} has no test window that every variant can forecast from: ingest "
            "more history, raise backtest.test_steps, or lower lookback"
        )
    return origins


def _test_all(overall: dict[str, Evaluation]) -> dict[str, dict[str, PairedTest]]:
    judged = overall[BASE].judged
    made = {name: evaluation.losses[MODEL] for name, evaluation in overall.items()}
    naive = {name: loss for name, loss in overall[BASE].losses.items() if name != MODEL}
    return {
        name: {
            other: paired_test(losses, theirs, position=judged.position, reach=judged.reach)
            for other, theirs in (naive | made).items()
            if other != name
        }
        for name, losses in made.items()
    }
