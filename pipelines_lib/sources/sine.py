"""Sine waves with noise and trend, spikes and drops at known places.

The first two series, `sin` and `cos`, are a quarter of a period apart.
"""

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.sources.base import Fetched
from pipelines_lib.sources.rows import refuse_unknown
from pipelines_lib.sources.synthetic import make_fetched, make_series_frame, make_times

SPACING = 200
"""Steps from one anomaly of a series to the next, and from the start to the first."""
SHIFT = 37
"""Steps by which the anomalies of a series lie later than those of the one before."""
GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, as parts of a period, are spread evenly however many there are."""


class SineSource:
    """One value column of sine waves with amplitude 1."""

    whole = True

    def __init__(self, dataset: DatasetConfig) -> None:
        if len(dataset.columns) > 1:
            raise SourceError(
                f"synthetic-sine has one value, the dataset {', '.join(dataset.columns)}: "
                "declare kind=values with one column in value_columns"
            )
        self._dataset = dataset

    def describe(self) -> str:
        """Return kind, size and seed in a few words."""
        source = self._dataset.source
        return f"synthetic-sine: {source.n_series} x {source.n_steps} steps, seed {source.seed}"

    def list_series(self) -> list[str]:
        """Return `cos`, `sin`, `sin-02`, ...: sorted."""
        return sorted(self._numbers)

    def fetch_rows(self, starts: Mapping[str, date | None], *, end: date | None) -> Fetched:
        """Make the rows and labels of each series from its start to `end`, both inclusive."""
        failures = refuse_unknown(starts, self.list_series())
        times = make_times(self._dataset)
        rows, labels = [], []
        for series_id in starts:
            if series_id in failures:
                continue
            values, known = self._make_series(self._numbers[series_id])
            column = {self._dataset.columns[0]: values}
            rows.append(make_series_frame(series_id, times, **column))
            labels.append(make_series_frame(series_id, times[known.index], kind=known.to_numpy()))
        return make_fetched(
            rows, labels, dataset=self._dataset, failures=failures, starts=starts, end=end
        )

    @property
    def _numbers(self) -> dict[str, int]:
        names = ["sin", "cos", *(f"sin-{i:02d}" for i in range(2, self._dataset.source.n_series))]
        return {name: i for i, name in enumerate(names[: self._dataset.source.n_series])}

    def _make_series(self, number: int) -> tuple[np.ndarray, pd.Series]:
        """Return the values (n_steps,) and the kind of each anomaly by its step."""
        source = self._dataset.source
        step = np.arange(source.n_steps)
        phase = 0.25 * number if number < 2 else number * GOLDEN
        rng = np.random.default_rng(np.random.SeedSequence([source.seed, number + 1]))
        values = np.sin(2 * np.pi * (step / source.period + phase))
        values += source.trend * step / 1000 + source.noise * rng.standard_normal(source.n_steps)
        if not source.anomalies:
            return values, pd.Series(dtype="str")
        places = np.arange(SPACING + SHIFT * number % SPACING, source.n_steps, SPACING)
        kinds = np.where(np.arange(len(places)) % 2 == 0, "spike", "drop")
        values[places] += np.where(kinds == "spike", 1, -1) * (2 + 8 * source.noise)
        return values, pd.Series(kinds, index=places, dtype="str")
