"""Forecast the next steps with the champion."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import task
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from tasks.context import Context, may_pass, open_context

if TYPE_CHECKING:
    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.series.panel import Panel
    from pipelines_lib.tracking.registry import Registered


@dataclass(frozen=True)
class Forecast:
    """What was forecast, or why not."""

    model: str
    version: str
    n_series: int = 0
    written: int = 0
    skipped: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@task(task_run_name="champion {task} of {dataset}")
def champion_version(dataset: str, task: str) -> str:
    """Return the version of a dataset's champion for a task; empty: none.

    The tasks are `forecast`, `detect` and `classify`.
    """
    from pipelines_lib.tracking import (
        classifier_name,
        detector_name,
        find_champion,
        forecaster_name,
    )

    naming = {"forecast": forecaster_name, "detect": detector_name, "classify": classifier_name}
    found = find_champion(open_context().tracker, naming[task](dataset))
    return found.version if found else ""


@task(
    task_run_name="forecast {dataset}",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
def forecast_next_steps(dataset: str) -> Forecast:
    """Forecast every series from its newest observation and merge into `forecasts`."""
    from pipelines_lib.errors import BundleError
    from pipelines_lib.forecasting.forecaster import Forecaster
    from pipelines_lib.series.read import read_panel
    from pipelines_lib.tables import FORECASTS, observations_table
    from pipelines_lib.tracking import forecaster_name, load_champion

    context, began = open_context(), perf_counter()
    name = forecaster_name(dataset)
    champion = load_champion(context.tracker, name, Forecaster.load_bundle)
    if champion is None:
        raise BundleError(f"{name} has no champion: run train_forecaster on {dataset} first")
    model, forecaster = champion
    declared = context.dataset(dataset)
    version = context.lake.table_version(dataset, observations_table(declared.columns))
    made_on = {"model": name, "model_version": model.version, "data_version": str(version)}
    if context.lake.count_rows(dataset, FORECASTS, equal=made_on).sum() and _stand(
        context, dataset, name
    ):
        skipped = (
            f"forecasts by {name} v{model.version} on data version {version} are there already"
        )
        get_run_logger().info("skipped: %s", skipped)
        return Forecast(name, model.version, skipped=skipped, seconds=perf_counter() - began)
    panel, version = read_panel(context.lake, declared)
    rows, left_out = forecaster.forecast_next(panel, device=context.device)
    rows = rows.assign(
        model=name,
        stale=None,
        data_version=version,
        run_id=model.run_id,
        model_version=model.version,
    )
    # First of all: a run that dies before its forecasts are merged makes them again, and one that
    # dies after it finds them there, and could not say any more who was left out.
    _note_night(context, declared, panel, model, forecaster.config.horizon, left_out, version)
    counts = context.lake.merge_rows(dataset, FORECASTS, rows)
    n_series = rows["series_id"].nunique()
    get_run_logger().info(
        "%s v%s forecast %d series, %d left out", name, model.version, n_series, len(left_out)
    )
    return Forecast(
        name, model.version, n_series, counts.written, "", left_out, perf_counter() - began
    )


def _stand(context: Context, dataset: str, model: str) -> bool:
    """Return whether the newest forecasts are there as their night noted them."""
    from pipelines_lib.forecasting.nights import read_nights
    from pipelines_lib.forecasting.presence import find_absent_forecasts

    nights = [night for night in read_nights(context.lake, dataset) if night.model == model]
    if not nights:  # of before nights were noted
        return True
    newest = nights[-1]
    faults = find_absent_forecasts(context.lake, dataset, origin=newest.time, night=newest)
    if faults:
        get_run_logger().warning("forecasts are made again: %s", "; ".join(faults))
    return not faults


def _note_night(
    context: Context,
    declared: "DatasetConfig",
    panel: "Panel",
    model: "Registered",
    horizon: int,
    left_out: dict[str, str],
    version: int,
) -> None:
    """Note what is about to be written, so that whoever looks later knows what must stand."""
    from pipelines_lib.forecasting.nights import PERSON, SCHEDULE, Night, expect_series, note_night

    context_of_run = FlowRunContext.get()
    run = context_of_run.flow_run if context_of_run else None

    night = Night(
        panel.newest_time,
        model.name,
        model.version,
        horizon,
        at=datetime.now(UTC),
        started_by=SCHEDULE if run and run.auto_scheduled else PERSON,
        flow_run_id=str(run.id) if run else "",
    )
    owed = expect_series(context.lake, declared, night, left_out=left_out, data_version=version)
    note_night(context.lake, declared.name, owed)
