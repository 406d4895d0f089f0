"""Forecast with the champion."""

from pipelines_lib.config import DatasetName
from tasks.forecast import Forecast, forecast_next_steps
from tasks.job import job


@job("forecast", "forecast {dataset}")
def forecast(dataset: DatasetName) -> Forecast:
    """Forecast an ingested dataset with its champion; nothing is trained.

    Forecasts that were made on the same rows by the same model are not made again.

    Args:
        dataset: Name of the dataset.
    """
    return forecast_next_steps(dataset)
