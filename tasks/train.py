"""Train a model on what the lake holds, judge it, register it."""

from time import perf_counter
from typing import TYPE_CHECKING

from prefect import task
from prefect.logging import get_run_logger

from pipelines_lib.config import DetectorConfig, ForecasterConfig
from tasks.context import Context, may_pass, open_context
from tasks.names import training_name
from tasks.progress import epoch_progress
from tasks.training_run import Trained, log_inputs, log_results
from tasks.turns import takes_gpu

if TYPE_CHECKING:
    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.series.panel import Panel

EXAMPLE_STEPS = 40
"""Rows of the input example beyond the lookback: features need some history of their own."""


@task(
    task_run_name="train forecaster of {dataset}",
    retries=1,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
@takes_gpu
def train_forecaster_model(dataset: str, config: ForecasterConfig) -> Trained:
    """Train a forecaster, judge it beside baselines and champion, register it."""
    from pipelines_lib.forecasting.compare import compare_forecasters
    from pipelines_lib.forecasting.evaluation import name_model
    from pipelines_lib.forecasting.fit import fit_forecaster
    from pipelines_lib.forecasting.forecaster import Forecaster
    from pipelines_lib.forecasting.networks import count_networks
    from pipelines_lib.predict import example_rows, predict_rows
    from pipelines_lib.reports.training import draw_forecaster
    from pipelines_lib.series.read import panel_digest
    from pipelines_lib.tracking import decide_promotion, forecaster_name, load_champion

    context, began = open_context(), perf_counter()
    declared, panel, version = read_inputs(context, dataset)
    name, kind = forecaster_name(dataset), f"{name_model(config)} {config.hidden}"
    called = training_name(name, kind, seed=config.training.seed, until=panel.newest_time)
    with context.tracker.run(dataset, "forecast", name=called) as run:
        path = log_inputs(
            context,
            run,
            declared,
            config,
            digest=panel_digest(panel),
            version=version,
            task="forecast",
        )
        with epoch_progress(
            f"forecaster of {dataset}",
            config.training.max_epochs,
            networks=count_networks(config, len(panel.series_ids)),
        ) as on_epoch:
            fitted = fit_forecaster(
                panel,
                dataset=declared,
                config=config,
                device=context.device,
                checkpoint=path,
                on_epoch=on_epoch,
            )
        champion = load_champion(context.tracker, name, Forecaster.load_bundle)
        compared = compare_forecasters(
            fitted, champion[1] if champion else None, panel, device=context.device
        )
        decision = decide_promotion(compared, baseline_name="last value", measure="MASE")
        run.set_tags({"model.kind": name_model(config)})
        against = compared.versus_baseline
        tested = {} if against is None or against.p is None else {"dm_p_vs_last_value": against.p}
        run.log_text("by_horizon.csv", fitted.evaluation.by_horizon.to_csv(index=False))
        run.log_text("by_series.csv", fitted.evaluation.by_series.to_csv(index=False))
        figures = draw_forecaster(fitted, unit=declared.unit)
        return log_results(
            context,
            run,
            dataset,
            name,
            fitted.forecaster,
            metrics=fitted.evaluation.metrics | tested | {"best_epoch": fitted.training.best_epoch},
            epochs={"": fitted.training.history},
            left_out=fitted.left_out,
            decision=decision,
            figures=figures,
            example=example_rows(
                panel,
                steps=(config.lookback - 1) * config.sampling_rate + 1 + EXAMPLE_STEPS,
                model=fitted.forecaster,
            ),
            predict=lambda rows: predict_rows(fitted.forecaster, rows),
            began=began,
            task="forecast",
            unit=declared.unit,
        )


@task(
    task_run_name="train detector of {dataset}",
    retries=1,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
@takes_gpu
def train_detector_model(dataset: str, config: DetectorConfig) -> Trained:
    """Train a detector, judge it beside baselines and champion, register it."""
    from pipelines_lib.anomaly.compare import compare_detectors
    from pipelines_lib.anomaly.detection_rates import measure_rates
    from pipelines_lib.anomaly.detector import Detector
    from pipelines_lib.anomaly.fit import fit_detector
    from pipelines_lib.anomaly.verdicts import (
        correct_labels,
        evaluate_on_verdicts,
        read_verdicts,
    )
    from pipelines_lib.errors import BundleError
    from pipelines_lib.predict import example_rows, predict_rows
    from pipelines_lib.reports.event_pictures import draw_detection_rates
    from pipelines_lib.reports.training import draw_detector
    from pipelines_lib.series.read import panel_digest
    from pipelines_lib.tables import LABELS
    from pipelines_lib.tracking import decide_promotion, detector_name, load_champion

    context, began = open_context(), perf_counter()
    declared, panel, version = read_inputs(context, dataset)
    verdicts = read_verdicts(context.lake, dataset)
    labels = correct_labels(context.lake.read_rows(dataset, LABELS), verdicts, panel.calendar)
    name, kind = detector_name(dataset), f"{'+'.join(config.parts)} {config.hidden}"
    called = training_name(name, kind, seed=config.training.seed, until=panel.newest_time)
    with context.tracker.run(dataset, "detect", name=called) as run:
        path = log_inputs(
            context,
            run,
            declared,
            config,
            digest=panel_digest(panel),
            version=version,
            task="detect",
        )
        with epoch_progress(
            f"detector of {dataset}", config.training.max_epochs, networks=2
        ) as on_epoch:
            fitted = fit_detector(
                panel,
                dataset=declared,
                config=config,
                device=context.device,
                labels=labels,
                checkpoint=path,
                on_epoch=on_epoch,
            )
        try:
            champion = load_champion(context.tracker, name, Detector.load_bundle)
        except BundleError as error:  # it must not bar the way to the one that replaces it
            get_run_logger().warning("not compared with the champion: %s", error)
            champion = None
        compared = compare_detectors(
            fitted, champion[1] if champion else None, panel, device=context.device
        )
        decision = decide_promotion(
            compared, baseline_name="windowed PCA", measure="1 - average precision"
        )
        run.set_tags({"truth": fitted.evaluation.truth})
        metrics, figures = fitted.evaluation.metrics, draw_detector(fitted, unit=declared.unit)
        if len(verdicts):
            alarms, _ = fitted.detector.score_rows(panel)
            metrics |= evaluate_on_verdicts(alarms, verdicts)
        if fitted.evaluation.truth == "injected":
            rates = measure_rates(fitted, panel)
            run.log_text("detection_rates.csv", rates.to_csv(index=False))
            figures["detection_rates"] = draw_detection_rates(rates)
        return log_results(
            context,
            run,
            dataset,
            name,
            fitted.detector,
            metrics=metrics,
            epochs={f"{part}.": each.history for part, each in fitted.trainings.items()},
            left_out=fitted.left_out,
            decision=decision,
            figures=figures,
            example=example_rows(
                panel,
                steps=fitted.detector.window.lookback + EXAMPLE_STEPS,
                model=fitted.detector,
            ),
            predict=lambda rows: predict_rows(fitted.detector, rows),
            began=began,
            task="detect",
        )


def read_inputs(context: Context, dataset: str) -> tuple["DatasetConfig", "Panel", int]:
    """Read a dataset's declaration, its panel, and the table version that it was read at."""
    from pipelines_lib.series.read import read_panel

    declared = context.dataset(dataset)
    panel, version = read_panel(context.lake, declared)
    return declared, panel, version
