"""Detectors with every part, of one feature and of three, and the rows of their series."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.fit import fit_detector
from pipelines_lib.config import DatasetConfig, DetectorConfig, SplitConfig, TrainingConfig
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import Panel, make_panel

PARTS = ["forecast", "autoencoder", "shift", "pca", "energy", "robust_z"]
SPANS = {"A": (0, 420), "B": (100, 420), "C": (0, 390)}
"""First step and the one behind the last of each series that the detector knows."""
LATE = {"new": (300, 420)}
LEARNED = 358
"""Last step that the calibration has seen: 60 steps of test and a gap of one come after it."""
START = pd.Timestamp("2024-01-01", tz="UTC")


@dataclass(frozen=True)
class Fitted:
    """A detector and rows of its series, one that it does not know among them."""

    detector: Detector
    rows: pd.DataFrame
    columns: tuple[str, ...]

    def panel(self, until: int = 10_000, series: tuple[str, ...] | None = None) -> Panel:
        """Return the rows up to a step as a panel."""
        rows = self.rows[self.rows["time"] <= START + pd.Timedelta(hours=until)]
        if series is not None:
            rows = rows[rows["series_id"].isin(series)]
        return make_panel(rows, calendar=make_calendar(self.detector.dataset), columns=self.columns)

    def since(self, panel: Panel, step: int = LEARNED + 1) -> np.ndarray:
        """Return the calendar position of a step, for every series."""
        first = panel.calendar.positions(np.array([START.tz_localize(None)], "datetime64[us]"))[0]
        return np.full(len(panel.series_ids), first + step)

    def with_threshold(self, **fields: object) -> "Fitted":
        """Return the same with another threshold."""
        config = self.detector.config
        threshold = type(config.threshold)(**fields)
        config = config.model_copy(update={"threshold": threshold})
        return replace(self, detector=replace(self.detector, config=config))


@pytest.fixture(scope="session")
def fit_every_part() -> Callable[..., Fitted]:
    """Return a factory: a detector of waves with some outliers and gaps, in this many features."""

    def fit(n_features: int, **fields: object) -> Fitted:
        torch.set_num_threads(1)
        columns = tuple(f"c{number}" for number in range(n_features))
        dataset = DatasetConfig(
            name="waves",
            kind="values",
            value_columns=list(columns),
            target="c0",
            calendar="fixed",
            step_minutes=60,
        )
        rows = pd.concat([_waves(name, *span, columns) for name, span in (SPANS | LATE).items()])
        config = DetectorConfig(
            **{
                "lookback": 12,
                "smoothing_steps": 5,
                "hidden": 8,
                "bottleneck": 4,
                "parts": PARTS,
                "split": SplitConfig(validation_steps=30, calibration_steps=60, test_steps=60),
                "training": TrainingConfig(
                    max_epochs=1, batch_size=64, windows_per_epoch=256, keep="last"
                ),
                **fields,
            }
        )
        known = rows[rows["series_id"].isin(SPANS)]
        fitted = fit_detector(
            make_panel(known, calendar=make_calendar(dataset), columns=columns),
            dataset=dataset,
            config=config,
            device=torch.device("cpu"),
            labels=pd.DataFrame({"series_id": [], "time": []}),
        )
        return Fitted(fitted.detector, rows, columns)

    return fit


@pytest.fixture(scope="session", params=[1, 3], ids=["univariate", "multivariate"])
def every_part(request, fit_every_part) -> Fitted:
    """Return a causal detector of six parts. Do not change it."""
    return fit_every_part(request.param)


def _waves(name: str, first: int, behind: int, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return one series: sines of period 24, an outlier every 37 steps, five steps missing."""
    rng = np.random.default_rng([7, ord(name[0])])
    step = np.arange(first, behind)
    frame = pd.DataFrame({"series_id": name, "time": START + pd.to_timedelta(step, unit="h")})
    frame["time"] = frame["time"].astype("datetime64[us, UTC]")
    for number, column in enumerate(columns):
        noise = 0.1 * rng.normal(size=len(step))
        outlier = 2.0 * ((step + 5 * number) % 37 == 0)
        frame[column] = np.sin(2 * np.pi * (step / 24 + number / 7)) + noise + outlier
    missing = np.isin(step, [*range(200, 205), 375] if name == "A" else [])
    return frame[~missing]
