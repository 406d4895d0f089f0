"""Train a forecaster."""

from pipelines_lib.config import DatasetName, ForecasterConfig
from tasks.job import job
from tasks.train import train_forecaster_model
from tasks.training_run import Trained


@job("train-forecaster", "train forecaster of {dataset}")
def train_forecaster(
    dataset: DatasetName, forecaster: ForecasterConfig = ForecasterConfig()
) -> Trained:
    """Train a forecaster on an ingested dataset; it is promoted if it earns it.

    Args:
        dataset: Name of the dataset.
        forecaster: Network, window, split and training.
    """
    return train_forecaster_model(dataset, forecaster)
