"""Backtest a forecaster on what the lake holds; fit on all of it afterwards, if asked."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import task
from prefect.logging import get_run_logger

from pipelines_lib.config import BacktestConfig, ForecasterConfig
from tasks.context import Context, may_pass, open_context
from tasks.pages import leave_page
from tasks.progress import epoch_progress, series_progress
from tasks.train import EXAMPLE_STEPS, read_inputs
from tasks.training_run import note_promotion, sentiment_version
from tasks.turns import takes_gpu

if TYPE_CHECKING:
    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.forecasting.backtest import BacktestResult, JudgedFold
    from pipelines_lib.reports.verdicts import BacktestSummary
    from pipelines_lib.series.panel import Panel
    from pipelines_lib.tracking import Run

TASK = "backtest"
NIGHTLY = ("forecast_1", "error_by_horizon")
"""Pictures that a champion's run must have, since the nightly report shows them."""
SHOWN = ("error_by_horizon", "skill_by_series", "error_by_fold", "example")
"""Pictures that the artifact of a backtest holds."""


@dataclass(frozen=True)
class Backtested:
    """What a backtest found."""

    summary: "BacktestSummary"


@task(
    task_run_name="backtest forecaster of {dataset}",
    retries=1,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
@takes_gpu
def backtest_forecaster(
    dataset: str, config: ForecasterConfig, backtest: BacktestConfig, variants: list[str]
) -> Backtested:
    """Judge a config and its variants fold by fold: a parent run, a child for each fold of each."""
    from pipelines_lib.forecasting.backtest import run_backtest
    from pipelines_lib.reports.verdicts import summarise_backtest

    context, began = open_context(), perf_counter()
    declared, panel, version = read_inputs(context, dataset)
    name = f"{dataset} {backtest.n_folds} folds seed {config.training.seed}"
    with context.tracker.run(dataset, TASK, name=name) as run:
        _log_inputs(context, run, declared, config, panel, version)
        run.log_config(backtest, prefix="backtest.")
        run.set_tags({"variants": "; ".join(variants)})
        with series_progress(f"folds of {dataset}") as report:

            def on_fold(fold: "JudgedFold") -> None:
                _log_fold(context, run, dataset, fold)
                _tell_fold(dataset, fold, backtest.n_folds)
                report(fold.number, backtest.n_folds)

            result = run_backtest(
                panel,
                dataset=declared,
                config=config,
                backtest=backtest,
                device=context.device,
                variants=variants,
                on_fold=on_fold,
            )
        summary = replace(
            summarise_backtest(
                result,
                dataset=dataset,
                target=declared.target,
                unit=declared.unit,
                folds=_in_words(backtest),
            ),
            run_id=run.run_id,
            seconds=perf_counter() - began,
        )
        _log_overall(run, result, summary, panel)
    get_run_logger().info("%s: %s", dataset, summary.headline)
    _leave_artifact(context, summary)
    return Backtested(summary)


@task(
    task_run_name="fit forecaster of {dataset} on all data",
    retries=1,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
@takes_gpu
def register_newest(dataset: str, config: ForecasterConfig, backtested: Backtested) -> Backtested:
    """Fit the base config on all data; champion where there is none, else challenger.

    Nothing is held out to judge it by: its metrics are those of the backtest.
    """
    from pipelines_lib.forecasting.networks import count_networks
    from pipelines_lib.forecasting.newest import fit_newest
    from pipelines_lib.predict import example_rows, predict_rows
    from pipelines_lib.tracking import (
        Decision,
        Run,
        find_champion,
        forecaster_name,
        register_bundle,
    )

    context, began, summary = open_context(), perf_counter(), backtested.summary
    declared, panel, version = read_inputs(context, dataset)
    name, tracker = forecaster_name(dataset), context.tracker
    parent = Run(tracker, summary.run_id, tracker.experiment_id(dataset, TASK))
    with tracker.run(dataset, TASK, name="final fit", parent=parent) as run:
        _log_inputs(context, run, declared, config, panel, version)
        with epoch_progress(
            f"forecaster of {dataset}",
            config.training.max_epochs,
            networks=2 * count_networks(config, len(panel.series_ids)),  # twice: see fit_newest
        ) as on_epoch:
            forecaster = fit_newest(
                panel, dataset=declared, config=config, device=context.device, on_epoch=on_epoch
            )
        first = find_champion(tracker, name) is None
        decision = Decision(
            first,
            f"{'first model' if first else 'kept as challenger'}, fit on all data after a "
            f"backtest in which {summary.headline}",
        )
        base = summary.lines[0]
        if base.p is not None and base.p.p is not None:
            run.log_metrics({"dm_p_vs_last_value": base.p.p})
        run.log_metrics(base.metrics | {"seconds": perf_counter() - began})
        _copy_figures(context, parent, run)
        reach = (config.lookback - 1) * config.sampling_rate + 1
        registered = register_bundle(
            run,
            name,
            forecaster,
            decision=decision,
            example=example_rows(panel, steps=reach + EXAMPLE_STEPS, model=forecaster),
            predict=lambda rows: predict_rows(forecaster, rows),
        )
    if first:
        note_promotion(
            context,
            dataset,
            name,
            version=registered.version,
            reason=decision.reason,
            run_id=run.run_id,
        )
    final = f"{name} v{registered.version} is {decision.alias}: {decision.reason}"
    get_run_logger().info("%s", final)
    seconds = summary.seconds + perf_counter() - began
    summary = replace(summary, final=final, seconds=seconds)
    _leave_artifact(context, summary)
    return Backtested(summary)


@task(task_run_name="conclude on {what} of {backtested.summary.dataset}")
def conclude_backtest(backtested: Backtested, variant: str, what: str) -> Backtested:
    """Say plainly whether what a variant has more than the base helps; log it beside the folds."""
    from pipelines_lib.reports.verdicts import conclude, to_markdown
    from pipelines_lib.tracking import Run

    context, summary = open_context(), backtested.summary
    tracker = context.tracker
    summary = replace(summary, conclusion=conclude(summary, variant, what))
    run = Run(tracker, summary.run_id, tracker.experiment_id(summary.dataset, TASK))
    run.set_tags({"conclusion": summary.conclusion})
    run.log_text("summary.md", to_markdown(summary))
    get_run_logger().info("%s: %s", summary.dataset, summary.conclusion)
    _leave_artifact(context, summary)
    return Backtested(summary)


def _log_inputs(
    context: Context,
    run: "Run",
    declared: "DatasetConfig",
    config: ForecasterConfig,
    panel: "Panel",
    version: int,
) -> None:
    from pipelines_lib.forecasting.evaluation import name_model
    from pipelines_lib.series.read import panel_digest

    run.log_config(config)
    run.log_config(declared, prefix="dataset.")
    run.set_tags({"model.kind": name_model(config)})
    place = context.settings.lake_location
    run.log_data(declared.name, digest=panel_digest(panel), version=version, place=place)
    run.set_tags(sentiment_version(context, declared))


def _log_fold(context: Context, parent: "Run", dataset: str, fold: "JudgedFold") -> None:
    """Log a child run for each variant of a fold."""
    for variant, evaluation in fold.evaluations.items():
        times = evaluation.judged.time
        tags = {
            "fold": str(fold.number),
            "variant": variant,
            "refitted": str(fold.refitted).lower(),
            "test.from": str(times.min()),
            "test.until": str(times.max()),
        }
        child = f"fold {fold.number} {variant}"
        with context.tracker.run(dataset, TASK, name=child, tags=tags, parent=parent) as run:
            run.log_metrics(evaluation.metrics | {"seconds": fold.seconds[variant]})


def _tell_fold(dataset: str, fold: "JudgedFold", n_folds: int) -> None:
    """Say in the log how far it is, and how well each variant does: folds may take long."""
    skills = ", ".join(
        f"{variant} {evaluation.metrics['skill_pct']:+.1f} %"
        for variant, evaluation in fold.evaluations.items()
        if "skill_pct" in evaluation.metrics
    )
    get_run_logger().info(
        "%s, fold %d of %d, %.1f s: skill %s",
        dataset,
        fold.number,
        n_folds,
        sum(fold.seconds.values()),
        skills or "unknown",
    )


def _log_overall(
    run: "Run", result: "BacktestResult", summary: "BacktestSummary", panel: "Panel"
) -> None:
    """Log what all folds together say: metrics by variant, tables, pictures, sentences."""
    import pandas as pd

    from pipelines_lib.forecasting.backtest import make_comparison, make_fold_table
    from pipelines_lib.reports.backtest import draw_backtest
    from pipelines_lib.reports.verdicts import to_markdown

    several = len(result.overall) > 1
    for variant, evaluation in result.overall.items():
        tests = {
            f"dm_p_vs_{other}": test.p
            for other, test in result.versus[variant].items()
            if test.p is not None
        }
        metrics = evaluation.metrics | tests | {"seconds": result.seconds(variant)}
        prefix = f"{variant}." if several else ""
        run.log_metrics({prefix + metric: value for metric, value in metrics.items()})
    for table in ("by_horizon", "by_series"):
        parts = [
            getattr(evaluation, table).assign(variant=variant)
            for variant, evaluation in result.overall.items()
        ]
        run.log_text(f"{table}.csv", pd.concat(parts).to_csv(index=False))
    run.log_text("by_fold.csv", make_fold_table(result).to_csv(index=False))
    run.log_text("comparison.csv", make_comparison(result).to_csv(index=False))
    run.log_text("summary.md", to_markdown(summary))
    for title, figure in draw_backtest(result, panel, unit=summary.unit).items():
        run.log_figure(title, figure)


def _copy_figures(context: Context, source: "Run", run: "Run") -> None:
    """Log the pictures of the backtest that the nightly report shows to the model's own run."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from pipelines_lib.tracking import read_figures

    with TemporaryDirectory() as folder:
        for title, png in read_figures(context.tracker, source.run_id).items():
            if title in NIGHTLY:
                path = Path(folder) / f"{title}.png"
                path.write_bytes(png)
                run.log_file(path, "figures")


def _leave_artifact(context: Context, summary: "BacktestSummary") -> None:
    """Leave the backtest on Prefect's page, with the pictures that MLflow has of it."""
    from pipelines_lib.reports.artifact import first_pictures
    from pipelines_lib.reports.verdicts import to_markdown
    from pipelines_lib.tracking import Run, read_figures

    pictures = first_pictures(read_figures(context.tracker, summary.run_id), SHOWN)
    run = Run(context.tracker, summary.run_id, context.tracker.experiment_id(summary.dataset, TASK))
    leave_page(
        to_markdown(summary, run_page=run.page, pictures=pictures),
        key=f"backtest-{summary.dataset}",
        description=f"{summary.dataset}: backtest until {summary.last}",
    )


def _in_words(backtest: BacktestConfig) -> str:
    """Return how the folds walked."""
    refits = {0: "fitted once", 1: "fitted anew in each"}.get(
        backtest.refit_every, f"fitted anew every {backtest.refit_every} folds"
    )
    window = f", sliding over {backtest.train_steps} steps" if backtest.train_steps else ""
    return f"{backtest.n_folds} folds of {backtest.test_steps} steps{window}, {refits}"
