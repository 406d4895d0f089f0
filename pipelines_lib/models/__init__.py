"""nn.Modules and how to make them from a config, nothing else."""

from pipelines_lib.models.lstm_autoencoder import LSTMAutoencoder
from pipelines_lib.models.lstm_forecaster import LSTMForecaster

__all__ = ["LSTMAutoencoder", "LSTMForecaster"]
