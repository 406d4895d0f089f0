"""Look for anomalies with the champion."""

from pipelines_lib.config import DatasetName
from tasks.detect import Detection, detect_events
from tasks.job import job


@job("detect", "detect {dataset}")
def detect(dataset: DatasetName) -> Detection:
    """Score what is new of an ingested dataset with its champion; nothing is trained.

    Steps that the same model has scored on the same rows are not scored again.

    Args:
        dataset: Name of the dataset.
    """
    return detect_events(dataset)
