"""Train a detector."""

from pipelines_lib.config import DatasetName, DetectorConfig
from tasks.job import job
from tasks.train import train_detector_model
from tasks.training_run import Trained


@job("train-detector", "train detector of {dataset}")
def train_detector(dataset: DatasetName, detector: DetectorConfig = DetectorConfig()) -> Trained:
    """Train a detector on an ingested dataset; it is promoted if it earns it.

    Args:
        dataset: Name of the dataset.
        detector: Network, window, threshold, split and training.
    """
    return train_detector_model(dataset, detector)
