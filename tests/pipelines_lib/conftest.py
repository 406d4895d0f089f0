"""Models fitted once, on four noisy sines; and panels by hand."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
import torch

from pipelines_lib.anomaly.fit import FittedDetector, fit_detector
from pipelines_lib.config import (
    DatasetConfig,
    DetectorConfig,
    ForecasterConfig,
    SplitConfig,
    TrainingConfig,
)
from pipelines_lib.forecasting.fit import FittedForecaster, fit_forecaster
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import Panel, make_panel

CPU = torch.device("cpu")
SPLIT = SplitConfig(validation_steps=30, calibration_steps=60, test_steps=60)
TRAINING = TrainingConfig(max_epochs=8, batch_size=32, learning_rate=0.02)
FEW = TrainingConfig(
    max_epochs=2,
    batch_size=32,
    windows_per_epoch=512,
    learning_rate=0.02,
    loss="mae",
    schedule="cosine",
    keep="last",
)
NO_LABELS = pd.DataFrame({"series_id": [], "time": []})


@pytest.fixture(scope="session")
def sine_dataset(values_dataset: Callable[..., DatasetConfig]) -> DatasetConfig:
    """Return the declaration of hourly values in degC."""
    return values_dataset()


@pytest.fixture(scope="session")
def panel_of(sine_dataset: DatasetConfig) -> Callable[[Mapping[str, Sequence[float]]], Panel]:
    """Return a factory of panels of hourly values by hand; NaN: not observed.

    Series begin at 2024-01-01; the steps of one that names a `start` begin that much later.
    """

    def make(values: Mapping[str, Sequence[float]], start: Mapping[str, int] | None = None):
        frames = []
        for name, series in values.items():
            first = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(
                hours=(start or {}).get(name, 0)
            )
            times = pd.date_range(first, periods=len(series), freq="h", unit="us")
            frames.append(pd.DataFrame({"series_id": name, "time": times, "value": series}))
        rows = pd.concat(frames, ignore_index=True).dropna()
        return make_panel(rows, calendar=make_calendar(sine_dataset), columns=("value",))

    return make


@pytest.fixture(scope="session")
def sine_rows(make_values: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Return the observations of four noisy sines of period 24."""
    return make_values(["A", "B", "C", "D"], 420, noise=0.1)


@pytest.fixture(scope="session")
def sine_panel(sine_rows: pd.DataFrame, sine_dataset: DatasetConfig) -> Panel:
    """Return them as a panel."""
    return make_panel(sine_rows, calendar=make_calendar(sine_dataset), columns=("value",))


@pytest.fixture(scope="session")
def forecaster_config() -> ForecasterConfig:
    """Return a small forecaster that is trained in half a second."""
    return ForecasterConfig(
        lookback=20, horizon=5, hidden=8, features=[], split=SPLIT, training=TRAINING
    )


@pytest.fixture(scope="session")
def fit_sine(sine_panel: Panel, sine_dataset: DatasetConfig, forecaster_config: ForecasterConfig):
    """Return a factory: fit a forecaster with other fields in the config, or on another panel."""

    def fit(panel: Panel | None = None, **fields: object) -> FittedForecaster:
        torch.set_num_threads(1)
        config = ForecasterConfig(**{**dict(forecaster_config), **fields})
        return fit_forecaster(
            sine_panel if panel is None else panel, dataset=sine_dataset, config=config, device=CPU
        )

    return fit


@pytest.fixture(scope="session")
def fitted_forecaster(fit_sine: Callable[..., FittedForecaster]) -> FittedForecaster:
    """Return a forecaster of the sines. Do not change it."""
    return fit_sine()


@pytest.fixture(scope="session")
def detector_config() -> DetectorConfig:
    """Return a small detector of two networks and the shift that is trained in half a second."""
    return DetectorConfig(
        lookback=12,
        smoothing_steps=4,
        hidden=8,
        features=["value"],
        parts=["forecast", "autoencoder", "shift"],
        split=SPLIT,
        training=FEW,
    )


@pytest.fixture(scope="session")
def fit_sine_detector(
    sine_panel: Panel, sine_dataset: DatasetConfig, detector_config: DetectorConfig
):
    """Return a factory: fit a detector with other fields in the config, or on another panel."""

    def fit(
        panel: Panel | None = None, labels: pd.DataFrame = NO_LABELS, **fields: object
    ) -> FittedDetector:
        torch.set_num_threads(1)
        return fit_detector(
            sine_panel if panel is None else panel,
            dataset=sine_dataset,
            config=DetectorConfig(**{**dict(detector_config), **fields}),
            device=CPU,
            labels=labels,
        )

    return fit


@pytest.fixture(scope="session")
def fitted_detector(fit_sine_detector: Callable[..., FittedDetector]) -> FittedDetector:
    """Return a detector of the sines. Do not change it."""
    return fit_sine_detector()


@pytest.fixture(scope="session")
def weights_of() -> Callable[[object], list[np.ndarray]]:
    """Return a function that lists the weights of a forecaster's or a part's network."""

    def weights(model: object) -> list[np.ndarray]:
        return [value.numpy() for value in model.network.state_dict().values()]

    return weights
