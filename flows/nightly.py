"""The nightly job: ingest, then forecast and detect with the champions."""

from typing import TYPE_CHECKING

from prefect import flow

from pipelines_lib.config import DatasetConfig, DetectorConfig, ForecasterConfig
from tasks.detect import detect_events
from tasks.forecast import champion_version, forecast_next_steps
from tasks.ingest import ingest_rows
from tasks.outcome import end_state
from tasks.report import write_report
from tasks.train import train_detector_model, train_forecaster_model

if TYPE_CHECKING:
    from pipelines_lib.reports.summary import NightSummary


@flow(name="nightly", flow_run_name="nightly {dataset.name}")
def nightly(
    dataset: DatasetConfig,
    forecaster: ForecasterConfig = ForecasterConfig(),
    detector: DetectorConfig = DetectorConfig(),
    forecast: bool = True,
    detect: bool = True,
) -> "NightSummary":
    """Ingest a dataset, forecast it, look for anomalies, and report.

    Where a dataset has no champion yet, one is trained first.

    Args:
        dataset: The declaration: source, series, calendar, columns.
        forecaster: Used when a forecaster must be trained.
        detector: Used when a detector must be trained.
        forecast: Whether to forecast.
        detect: Whether to look for anomalies.
    """
    name, trained, forecasts, detection = dataset.name, [], None, None
    ingested = ingest_rows(dataset)
    if forecast:
        if not champion_version(name, "forecast"):
            trained.append(train_forecaster_model(name, forecaster))
        forecasts = forecast_next_steps(name)
    if detect:
        if not champion_version(name, "detect"):
            trained.append(train_detector_model(name, detector))
        detection = detect_events(name)
    night = write_report(name, ingested, trained, forecasts, detection)
    return end_state(night, ingested.report)
