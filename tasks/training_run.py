"""What every training run logs, whatever it trains: its inputs, its results, its model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

from prefect.logging import get_run_logger

from pipelines_lib.alerts import PROMOTED, Alert
from pipelines_lib.config import ClassifierConfig, DetectorConfig, ForecasterConfig
from tasks.alerts import note_alerts
from tasks.context import Context
from tasks.pages import leave_page

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.tracking import Decision, Run
    from pipelines_lib.training import EpochReport


@dataclass(frozen=True)
class Trained:
    """A trained and registered model, by name."""

    name: str
    version: str
    run_id: str
    alias: str
    reason: str
    seconds: float
    left_out: dict[str, str]


def log_inputs(
    context: Context,
    run: "Run",
    declared: "DatasetConfig",
    config: ForecasterConfig | DetectorConfig | ClassifierConfig,
    *,
    digest: str,
    version: int,
    task: str,
    table: str = "observations",
) -> "Path":
    """Log what the run starts from, and return the path of its checkpoint.

    `digest` is of what was read of the `table` at that version.
    """
    from pipelines_lib.tracking.provenance import code_version
    from pipelines_lib.training.keys import checkpoint_path

    place = context.settings.lake_location
    run.log_config(config)
    run.log_config(declared, prefix="dataset.")
    run.log_data(declared.name, digest=digest, version=version, place=place, table=table)
    if table == "observations":
        run.set_tags(sentiment_version(context, declared))
    return checkpoint_path(
        context.settings.checkpoints_dir,
        dataset=declared.name,
        task=task,
        config=config,
        digest=digest,
        code=code_version(),
    )


def sentiment_version(context: Context, declared: "DatasetConfig") -> dict[str, str]:
    """Return the tag that says which daily sentiment a panel had; none where there is none."""
    from pipelines_lib.tables import SENTIMENT

    if not declared.has_documents:
        return {}
    version = context.lake.table_version(declared.name, SENTIMENT)
    return {} if version is None else {f"data.{SENTIMENT.name}_version": str(version)}


def log_results(
    context: Context,
    run: "Run",
    dataset: str,
    name: str,
    model: Any,
    *,
    metrics: Mapping[str, float],
    epochs: Mapping[str, Sequence["EpochReport"]],
    left_out: dict[str, str],
    decision: "Decision",
    figures: Mapping[str, Any],
    example: "pd.DataFrame",
    predict: Callable[["pd.DataFrame"], "pd.DataFrame"],
    began: float,
    task: str,
    unit: str = "",
) -> Trained:
    """Log metrics and pictures, register the bundle, tell what became of it, leave a page of it.

    `epochs` has the reports of each network by the prefix of their names; `example` are rows that
    the model takes, `predict` its answer to them; `task` is `forecast`, `detect` or `classify`.
    """
    from pipelines_lib.reports.artifact import first_pictures
    from pipelines_lib.reports.model_lines import make_model_line
    from pipelines_lib.reports.training_artifact import SHOWN, training_markdown
    from pipelines_lib.tracking import read_figures, register_bundle

    for prefix, history in epochs.items():
        for epoch in history:
            values = {
                "train_loss": epoch.train_loss,
                "validation_loss": epoch.validation_loss,
                "learning_rate": epoch.learning_rate,
            }
            run.log_metrics({prefix + key: v for key, v in values.items()}, step=epoch.epoch)
    seconds = perf_counter() - began
    run.log_metrics({**metrics, "seconds": seconds, "series_left_out": len(left_out)})
    for title, figure in figures.items():
        run.log_figure(title, figure)
    registered = register_bundle(
        run, name, model, decision=decision, example=example, predict=predict
    )
    get_run_logger().info(
        "%s v%s is %s: %s", name, registered.version, decision.alias, decision.reason
    )
    line = make_model_line(
        task,
        name,
        registered.version,
        run.run_id,
        metrics=dict(metrics),
        unit=unit,
        note=decision.reason,
    )
    leave_page(
        training_markdown(
            line,
            alias=decision.alias,
            metrics=metrics,
            experiment=f"{dataset}/{task}",
            run_page=run.page,
            pictures=first_pictures(read_figures(run.tracker, run.run_id), SHOWN),
            left_out=left_out,
            seconds=seconds,
        ),
        key=f"training-{name}",
        description=f"{name} v{registered.version}: {decision.alias}",
    )
    if decision.promote:
        note_promotion(
            context,
            dataset,
            name,
            version=registered.version,
            reason=decision.reason,
            run_id=run.run_id,
        )
    return Trained(
        name,
        registered.version,
        run.run_id,
        decision.alias,
        decision.reason,
        seconds,
        left_out,
    )


def note_promotion(
    context: Context, dataset: str, name: str, *, version: str, reason: str, run_id: str
) -> None:
    """Note, for people to be told, that a model became champion of a dataset, and why."""
    alert = Alert(
        PROMOTED,
        f"{name} v{version}",
        f"{dataset}: {name} v{version} is champion",
        f"{reason}. MLflow run {run_id}. To take it back, move the alias on MLflow's page.",
        details={"model": name, "model_version": version, "mlflow_run_id": run_id},
    )
    note_alerts(context.lake, dataset, [alert], at=datetime.now(UTC))
