"""An ingest that is killed at any point and runs again: the tables of one clean run."""

import random
import shutil
from pathlib import Path

import pytest

from pipelines_lib.ingestion import ingest as ingest_module
from pipelines_lib.ingestion.states import read_states
from pipelines_lib.lake import Lake
from pipelines_lib.lake import store as store_module
from pipelines_lib.tables import FORECASTS, QUARANTINE, RESTATEMENTS, SCORES
from tests.crash_ingest import SERIES_PER_BATCH, ingest_night
from tests.lakes import (
    check_keys,
    check_log,
    copy_lake,
    say_series,
    say_versions,
    store_models,
    version_of,
    what_it_says,
)
from tests.market import Market

SEEDS = 6


def _check_whole(lake: Lake, clean, *, version: int, first: bool) -> None:
    """Check a lake after a kill: every batch is there or not, and whole.

    Args:
        lake: The lake.
        clean: The night, undisturbed.
        version: That of the observations before the attempt.
        first: No attempt was killed before, so that its batches are those of the clean run.
    """
    check_keys(lake)
    for name, said in say_series(lake).items():
        assert said in (clean.before.get(name), clean.after[name]), f"{name} is neither old nor new"
    if first:
        versions = say_versions(lake, version)
        assert versions == clean.versions[: len(versions)]


def _run_rounds(ingests, clean_nights, folder: Path, rounds: int, seed: int) -> tuple[int, int]:
    """Kill nights at random moments, finish them, compare; return kills, and those that hit."""
    draw, kills, hits = random.Random(seed), 0, 0
    pace = 1.0  # kills come sooner where the machine has become faster than in the clean run
    for number in range(rounds):
        market_seed = draw.randrange(SEEDS) if rounds > SEEDS else 0
        market, clean = Market(market_seed), clean_nights(market_seed)
        first_night = number % (market.n_nights - 1)
        lake = copy_lake(clean[first_night].base, folder / f"round-{number}")
        for night in (first_night, first_night + 1):
            where = f"seed {seed}, round {number}, market {market_seed}, night {night}"
            for attempt in range(draw.randint(1, 2)):
                version = version_of(lake)
                delay = draw.uniform(0, pace * clean[night].seconds)
                ingest_id = f"{number}-{night}-{attempt}"
                (ended,) = ingests.run(lake.uri, market_seed, night, ingest_id, kill_after=delay)
                assert not ended.error, f"{where}: {ended.text}"
                kills, hits = kills + 1, hits + ended.killed
                pace = min(1.0, 1.1 * pace) if ended.killed else 0.8 * pace
                try:
                    _check_whole(lake, clean[night], version=version, first=attempt == 0)
                except AssertionError as error:
                    raise AssertionError(f"{where}, killed after {delay:.3f} s: {error}") from error
            (ended,) = ingests.run(lake.uri, market_seed, night, f"{number}-{night}-last")
            assert not ended.error, f"{where}: {ended.text}"
            assert what_it_says(lake) == clean[night].said, where
            check_log(lake)
            store_models(lake, market, night)
        shutil.rmtree(lake.uri)
    return kills, hits


def test_the_market_does_everything_that_a_crash_could_hit(clean_nights):
    market, nights = Market(0), clean_nights(0)
    lakes = [Lake(str(night.base)) for night in nights[1:]]
    name = market.name_of
    states = [
        {series: known.state for series, known in read_states(lake, "prices").items()}
        for lake in lakes
    ]
    assert states[1][name["tired"]] == "failing"
    assert states[2] == {n: "live" for n in name.values()} | {
        name["resting"]: "dead",
        name["late"]: "failing",
    }
    assert name["new"] not in states[0]
    restated = [set(lake.read_rows("prices", RESTATEMENTS)["series_id"]) for lake in lakes]
    assert restated == [set(), {name["split"]}, {name["split"], name["corrected"]}]
    rules = [set(lake.read_rows("prices", QUARANTINE)["rule"]) for lake in lakes]
    assert rules[0] == {"not_finite"}
    assert {"price_order", "not_finite"} <= rules[1]
    for table in (FORECASTS, SCORES):
        stale = [lake.read_rows("prices", table)["stale"].notna().sum() for lake in lakes]
        assert 0 == stale[0] < stale[1] < stale[2]


@pytest.mark.slow
def test_ingest_dataset_killed_at_any_moment_ends_in_the_same_tables(
    ingests, clean_nights, tmp_path
):
    _, hits = _run_rounds(ingests, clean_nights, tmp_path, rounds=4, seed=1)
    assert hits > 0


@pytest.mark.slow
def test_ingest_dataset_killed_60_times_over_ends_in_the_same_tables(
    ingests, clean_nights, tmp_path, capsys
):
    kills, hits = _run_rounds(ingests, clean_nights, tmp_path, rounds=60, seed=2024)
    with capsys.disabled():
        print(f"\n60 rounds, {kills} kills, {hits} of them inside an ingest")
    assert hits >= 50


class Death(BaseException):
    """The end of a process, as far as the lake can tell."""


def _die_after(commits: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Die after so many commits, 0: before the first; the list has the tables of those done.

    After one commit is before the next: what lies between them is nowhere but in memory.
    """
    commit, done = store_module.commit, []

    def mortal(look, write, **told):
        if len(done) == commits:
            raise Death
        before, counts, after = look(), commit(look, write, **told), look()
        if (after and after.version) != (before and before.version):  # not merely a look
            done.append(Path(told["name"]).name)
        if len(done) == commits:
            raise Death
        return counts

    monkeypatch.setattr(store_module, "commit", mortal)
    return done


@pytest.mark.parametrize(
    ("night", "series_per_batch"),
    [
        (0, 7),
        pytest.param(1, SERIES_PER_BATCH, marks=pytest.mark.slow),
        pytest.param(0, SERIES_PER_BATCH, marks=pytest.mark.slow),
        pytest.param(2, SERIES_PER_BATCH, marks=pytest.mark.slow),
    ],
)
def test_ingest_dataset_after_dying_between_any_two_commits_ends_in_the_same_tables(
    clean_nights, monkeypatch, tmp_path, night, series_per_batch
):
    monkeypatch.setitem(ingest_module.SERIES_PER_BATCH, False, series_per_batch)
    market, clean = Market(1), clean_nights(1)[night]
    with monkeypatch.context() as patch:
        commits = _die_after(-1, patch)
        ingest_night(copy_lake(clean.base, tmp_path / "whole"), market, night, "whole")
    expected = {"observations", "labels", "ingests", "series", "listings"}
    expected |= {"restatements", "forecasts", "scores"} if night else {"datasets"}
    assert set(commits) - {"quarantine"} == expected
    for number in range(len(commits)):
        lake = copy_lake(clean.base, tmp_path / f"dead-{number}")
        with monkeypatch.context() as patch:
            done = _die_after(number, patch)
            with pytest.raises(Death):
                ingest_night(lake, market, night, "dead")
        assert done == commits[:number]
        ingest_night(lake, market, night, "again")
        where = f"died before commit {number}, of {commits[number]}"
        assert what_it_says(lake) == clean.said, where
        check_log(lake)
