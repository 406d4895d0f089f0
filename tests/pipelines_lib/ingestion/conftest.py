"""Nights in processes of their own, and the same nights undisturbed to compare with."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from tests.crash_ingest import Ingests
from tests.lakes import (
    check_log,
    say_series,
    say_versions,
    store_models,
    version_of,
    what_it_says,
)
from tests.market import Market


@dataclass(frozen=True)
class CleanNight:
    """A night of a run that nothing disturbed."""

    base: Path
    """A copy of the lake before the night."""
    said: dict[str, str]
    """What every table says after it."""
    before: dict[str, str]
    after: dict[str, str]
    """The observations of each series."""
    versions: list[str]
    """The observations at each version of the night."""
    seconds: float


@pytest.fixture(scope="session")
def ingests() -> Iterator[Ingests]:
    with Ingests() as running:
        yield running


@pytest.fixture(scope="session")
def clean_nights(
    ingests: Ingests, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], list[CleanNight]]:
    """Return a function of a seed: the nights of its market, run once and undisturbed."""
    known: dict[int, list[CleanNight]] = {}

    def run(seed: int) -> list[CleanNight]:
        if seed not in known:
            known[seed] = _run_clean(ingests, seed, tmp_path_factory.mktemp("clean"))
        return known[seed]

    return run


def _run_clean(ingests: Ingests, seed: int, folder: Path) -> list[CleanNight]:
    market, nights = Market(seed), []
    lake = Lake(str(folder / "lake"))
    Path(lake.uri).mkdir()
    for number in range(market.n_nights):
        base = folder / f"before-{number}"
        shutil.copytree(lake.uri, base)
        before, version = say_series(lake), version_of(lake)
        (done,) = ingests.run(lake.uri, seed, number, f"clean-{number}")
        assert not done.error, done.text
        nights.append(
            CleanNight(
                base,
                what_it_says(lake),
                before,
                say_series(lake),
                say_versions(lake, version),
                done.seconds,
            )
        )
        store_models(lake, market, number)
    check_log(lake)
    return nights


@pytest.fixture
def dataset(bars_dataset) -> DatasetConfig:
    """Return bars of which five stored steps are asked for again."""
    return bars_dataset(overlap_steps=5, start="2024-01-02")


@pytest.fixture
def bars(make_bars) -> pd.DataFrame:
    """Return 40 steps of A and B."""
    return make_bars(["A", "B"], 40)
