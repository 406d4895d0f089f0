"""nn.Modules and how to make them from a config, nothing else."""

from pipelines_lib.models.autoencoder import Autoencoder, normalise_windows
from pipelines_lib.models.combined import Ensemble, PerSeries
from pipelines_lib.models.inputs import Inputs
from pipelines_lib.models.make import make_forecast_network
from pipelines_lib.models.network import Network

__all__ = [
    "Autoencoder",
    "Ensemble",
    "Inputs",
    "Network",
    "PerSeries",
    "make_forecast_network",
    "normalise_windows",
]
