"""Copy everything that a home folder keeps, while jobs run, into another folder.

Databases are copied by SQLite's own online backup. They, and the logs of Delta tables, are copied
before the files that they name: what is written meanwhile is then no part of the copy, and nothing
in the copy is half there. Not copied: locks, unfinished trainings, and a lake or MLflow that lie
elsewhere.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines_lib.errors import ConfigError
from pipelines_lib.settings import Settings

LOG = "_delta_log"
LEFT_OUT = ("turns", "checkpoints", "up.json")
DATABASE_ENDINGS = (".db", ".sqlite3")
BESIDE = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps beside a database: its backup has what they hold."""


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds."""

    files: int
    size: int
    """In bytes."""
    elsewhere: tuple[str, ...]
    """What lies outside of the home folder, and is not in it."""


def back_up(settings: Settings, target: Path) -> BackedUp:
    """Copy the home folder to an empty or new folder.

    Raises:
        ConfigError: There is no home folder, or the target is not empty or lies within it.
    """
    home, target = settings.home_dir, target.expanduser().resolve()
    if not home.is_dir():
        raise ConfigError(f"there is nothing at {home}: set TIDEWATCH_HOME to the folder to copy")
    if target == home or home in target.parents:
        raise ConfigError(f"{target} lies within {home}: choose a folder outside of it")
    if target.exists() and any(target.iterdir()):
        raise ConfigError(f"{target} is not empty: choose a new folder for each backup")
    target.mkdir(parents=True, exist_ok=True)
    files = size = 0
    for place in _in_order(home):
        copy = target / place.relative_to(home)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            if place.suffix in DATABASE_ENDINGS:
                _copy_database(place, copy)
            else:
                shutil.copy2(place, copy)
        except FileNotFoundError:  # ended meanwhile, such as a log that was joined with others
            continue
        files, size = files + 1, size + copy.stat().st_size
    return BackedUp(files, size, tuple(_elsewhere(settings)))


def _in_order(home: Path) -> Iterator[Path]:
    """Yield the files to copy: what names others before what is named."""
    found = [place for place in sorted(home.rglob("*")) if place.is_file()]
    kept = [
        place
        for place in found
        if place.relative_to(home).parts[0] not in LEFT_OUT and not place.name.endswith(BESIDE)
    ]

    def names_others(place: Path) -> bool:
        return LOG in place.parts or place.suffix in DATABASE_ENDINGS

    yield from sorted(kept, key=names_others, reverse=True)


def _copy_database(place: Path, copy: Path) -> None:
    """Copy a SQLite database as it is at one moment, also while it is written."""
    with (
        sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=60) as source,
        sqlite3.connect(copy) as made,
    ):
        source.backup(made)
    source.close()
    made.close()


def _elsewhere(settings: Settings) -> Iterator[str]:
    if settings.lake_uri:
        yield f"the lake at {settings.lake_uri}"
    if settings.mlflow_uri:
        yield f"MLflow at {settings.mlflow_uri}"
