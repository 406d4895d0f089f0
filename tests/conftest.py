"""What every test may use: a lake of its own, bars and values by hand or by seed, shared data.

Fixtures that end in a function (`make_bars`, `make_values`, `bars_dataset`, `values_dataset`) are
factories: call them with what the test is about, leave the rest to the defaults.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import Calendar, make_calendar


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Hold torch to one thread, where a test's imports have loaded it: small networks swing 10x.

    Never imports torch itself, so that tests without a network stay quick.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake in a folder of its own."""
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of shared data; skip where it is not on this machine.

    It lies beside the checkout (`../shared/data`), or where TIDEWATCH_SHARED_DATA says.
    """
    beside = Path(__file__).parents[1] / "../shared/data"
    place = Path(os.environ.get("TIDEWATCH_SHARED_DATA") or beside).resolve()
    if not place.is_dir():
        pytest.skip(f"no shared data at {place}: set TIDEWATCH_SHARED_DATA to its folder")
    return place


@pytest.fixture(scope="session")
def krx_calendar() -> Calendar:
    """Return the calendar of the Korean exchange (3 s to build: once a run)."""
    return make_calendar(DatasetConfig(name="any"))


@pytest.fixture(scope="session")
def krx_sessions(krx_calendar: Calendar) -> Callable[..., pd.DatetimeIndex]:
    """Return a factory: `krx_sessions(n, start)` gives n UTC session times from `start` on."""

    def make(n: int, start: str = "2024-01-02") -> pd.DatetimeIndex:
        sessions = krx_calendar.sessions
        first = int(np.searchsorted(sessions, np.datetime64(start, "us")))
        return pd.DatetimeIndex(sessions[first : first + n]).tz_localize("UTC")

    return make


@pytest.fixture(scope="session")
def make_bars(krx_sessions: Callable[..., pd.DatetimeIndex]) -> Callable[..., pd.DataFrame]:
    """Return a factory of clean daily bars on XKRX sessions, one random walk a series.

    `make_bars(series_ids, n, start="2024-01-02", seed=0)` returns an observations frame:
    `series_id`, `time`, open, high, low, close, volume, `repair` (null), `ingest_id` ("test"),
    sorted by key. Every row passes every quality rule; prices are whole won, moves below 10 %.
    """

    def make(
        series_ids: Sequence[str] = ("A",), n: int = 60, start: str = "2024-01-02", seed: int = 0
    ) -> pd.DataFrame:
        times = krx_sessions(n, start)
        assert len(times) == n, f"the calendar has no {n} sessions from {start} on"
        frames = []
        for number, name in enumerate(series_ids):
            rng = np.random.default_rng([seed, number])
            moves = np.clip(rng.normal(0, 0.015, n), -0.09, 0.09)
            close = np.round(50_000 * np.exp(np.cumsum(moves)))
            open_ = np.round(close * np.exp(rng.normal(0, 0.003, n)))
            frame = pd.DataFrame({"series_id": name, "time": times, "open": open_})
            frame["high"] = np.maximum(open_, close) + rng.integers(0, 300, n)
            frame["low"] = np.minimum(open_, close) - rng.integers(0, 300, n)
            frame["close"] = close
            frame["volume"] = rng.integers(1_000, 100_000, n).astype("float64")
            frames.append(frame)
        return _as_observations(pd.concat(frames, ignore_index=True))

    return make


@pytest.fixture(scope="session")
def make_values() -> Callable[..., pd.DataFrame]:
    """Return a factory of observations of a kind=values dataset on a fixed calendar.

    `make_values(series_ids, n, start="2024-01-01", step_minutes=60, seed=0, period=24,
    noise=0.05, column="value")` returns `series_id`, `time`, one value column (a sine of
    `period` steps around 10, amplitude 1, with normal noise), `repair`, `ingest_id`.
    """

    def make(
        series_ids: Sequence[str] = ("A",),
        n: int = 100,
        start: str = "2024-01-01",
        *,
        step_minutes: int = 60,
        seed: int = 0,
        period: int = 24,
        noise: float = 0.05,
        column: str = "value",
    ) -> pd.DataFrame:
        times = pd.date_range(
            start, periods=n, freq=pd.Timedelta(minutes=step_minutes), tz="UTC", unit="us"
        )
        frames = []
        for number, name in enumerate(series_ids):
            rng = np.random.default_rng([seed, number])
            wave = np.sin(2 * np.pi * (np.arange(n) / period + number / 10))
            values = 10 + wave + noise * rng.normal(size=n)
            frames.append(pd.DataFrame({"series_id": name, "time": times, column: values}))
        return _as_observations(pd.concat(frames, ignore_index=True))

    return make


@pytest.fixture(scope="session")
def bars_dataset() -> Callable[..., DatasetConfig]:
    """Return a factory: `bars_dataset(**fields)` declares XKRX bars named `prices`."""

    def make(**fields: object) -> DatasetConfig:
        return DatasetConfig(**{"name": "prices", **fields})

    return make


@pytest.fixture(scope="session")
def values_dataset() -> Callable[..., DatasetConfig]:
    """Return a factory: `values_dataset(**fields)` declares hourly values named `sensors`."""

    def make(**fields: object) -> DatasetConfig:
        defaults = {
            "name": "sensors",
            "kind": "values",
            "value_columns": ["value"],
            "target": "value",
            "unit": "degC",
            "calendar": "fixed",
            "step_minutes": 60,
        }
        return DatasetConfig(**{**defaults, **fields})

    return make


def _as_observations(frame: pd.DataFrame) -> pd.DataFrame:
    repair = pd.array([None] * len(frame), dtype=pd.StringDtype(na_value=np.nan))
    frame = frame.assign(repair=repair, ingest_id="test")
    return frame.sort_values(["series_id", "time"], ignore_index=True)
