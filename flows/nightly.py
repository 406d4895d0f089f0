"""The nightly job: ingest, then score documents, forecast and detect with the champions."""

from typing import TYPE_CHECKING

from pipelines_lib.config import ClassifierConfig, DatasetConfig, DetectorConfig, ForecasterConfig
from tasks.detect import detect_events
from tasks.documents import ingest_texts
from tasks.forecast import champion_version, forecast_next_steps
from tasks.ingest import ingest_rows
from tasks.job import job
from tasks.outcome import end_state, tell_failure
from tasks.report import write_report
from tasks.sentiment import score_texts, train_classifier_model
from tasks.train import train_detector_model, train_forecaster_model

if TYPE_CHECKING:
    from pipelines_lib.reports.summary import NightSummary


@job("nightly", "nightly {dataset.name}", on_sessions=True)
def nightly(
    dataset: DatasetConfig,
    forecaster: ForecasterConfig = ForecasterConfig(),
    detector: DetectorConfig = DetectorConfig(),
    forecast: bool = True,
    detect: bool = True,
    classifier: ClassifierConfig = ClassifierConfig(),
    sentiment: bool = True,
) -> "NightSummary":
    """Ingest a dataset, score its documents, forecast it, look for anomalies, and report.

    Where a dataset has no champion yet, one is trained first. Of documents alone there is nothing
    to forecast. A failure of a dataset's documents does not cost its series: the run is Partial.

    Args:
        dataset: The declaration: source, series, calendar, columns.
        forecaster: Used when a forecaster must be trained.
        detector: Used when a detector must be trained.
        forecast: Whether to forecast.
        detect: Whether to look for anomalies.
        classifier: Used when a classifier of the dataset's own documents must be trained.
        sentiment: Whether to score documents, where the dataset has some.
    """
    name, trained, forecasts, detection = dataset.name, [], None, None
    texts, scored, failed = None, None, ""
    ingested = ingest_rows(dataset) if dataset.has_series else None
    try:
        texts = ingest_texts(dataset) if dataset.has_documents else None
        if sentiment and texts:
            own = dataset.documents.classifier in ("", name)
            if own and not champion_version(name, "classify"):
                trained.append(train_classifier_model(name, classifier))
            scored = score_texts(name)
    except Exception as error:  # whatever is wrong with texts must not cost forecasts and events
        if not dataset.has_series:
            raise
        failed = tell_failure(name, "documents", error)
    if forecast and ingested:
        if not champion_version(name, "forecast"):
            trained.append(train_forecaster_model(name, forecaster))
        forecasts = forecast_next_steps(name)
    if detect and ingested:
        if not champion_version(name, "detect"):
            trained.append(train_detector_model(name, detector))
        detection = detect_events(name)
    night = write_report(name, ingested, trained, forecasts, detection, texts, scored, failed)
    return end_state(night, *[came.report for came in (ingested, texts) if came], failed=failed)
