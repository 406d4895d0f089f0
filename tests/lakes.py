"""What two lakes of one market must have in common, whoever was killed while writing them."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from deltalake import DeltaTable

from pipelines_lib.lake import Lake, table_checksum
from pipelines_lib.lake.store import ROOT
from pipelines_lib.tables import (
    DATASETS,
    FORECASTS,
    INGESTS,
    OBSERVATIONS_KEY,
    QUARANTINE,
    RESTATEMENTS,
    SCORES,
    Table,
    dataset_tables,
    observations_table,
)
from tests.market import Market

NAME, COLUMNS = Market(0).dataset.name, Market(0).dataset.columns
OBSERVATIONS = observations_table(COLUMNS)


def copy_lake(base: Path, place: Path) -> Lake:
    shutil.copytree(base, place, dirs_exist_ok=True)
    return Lake(str(place))


def store_models(lake: Lake, market: Market, night: int) -> None:
    """Store what models would make after a night."""
    for table, rows in market.made_after(night):
        lake.merge_rows(NAME, table, rows)


def what_it_says(lake: Lake) -> dict[str, str]:
    """Return the checksum of every table but the log of ingests.

    Three things may differ that no run can promise, and are left out or put in other words: the ids
    of ingests; of `stale`, which holds one, whether it is null; of a restatement, the number of the
    version that has the old history (one more commit before it, and it is another), for which
    stands that history itself.
    """
    said = {DATASETS.name: table_checksum(lake, ROOT, DATASETS)}
    for table in dataset_tables(COLUMNS):
        if table in (FORECASTS, SCORES):
            rows = lake.read_rows(NAME, table)
            said[table.name] = _digest(rows.assign(stale=rows["stale"].notna()), table)
        elif table is RESTATEMENTS:
            rows = lake.read_rows(NAME, table)
            histories = [
                _digest(_read_history(lake, series_ids=[series_id], version=version))
                for series_id, version in zip(rows["series_id"], rows["old_version"], strict=True)
            ]
            said[table.name] = _digest(rows.assign(old_version=histories), table)
        elif table is not INGESTS:
            said[table.name] = table_checksum(lake, NAME, table)
    return said


def say_series(lake: Lake) -> dict[str, str]:
    """Return a checksum of the observations of each series."""
    rows = _read_history(lake)
    return {str(series_id): _digest(found) for series_id, found in rows.groupby("series_id")}


def say_versions(lake: Lake, after: int) -> list[str]:
    """Return the checksum of each version of the observations after a version."""
    numbers = range(after + 1, version_of(lake) + 1)
    return [table_checksum(lake, NAME, OBSERVATIONS, version=number) for number in numbers]


def version_of(lake: Lake) -> int:
    """Return the newest version of the observations, -1: there are none."""
    version = lake.table_version(NAME, OBSERVATIONS)
    return -1 if version is None else version


def check_keys(lake: Lake) -> None:
    """Read every table, and see that no key stands twice."""
    assert not lake.read_rows(ROOT, DATASETS).duplicated("dataset").any()
    for table in dataset_tables(COLUMNS):
        assert not lake.read_rows(NAME, table).duplicated(list(table.key)).any(), table.name


def check_log(lake: Lake) -> None:
    """See that the log of ingests tells every row that was ever stored or quarantined, once."""
    log = lake.read_rows(NAME, INGESTS).set_index(["ingest_id", "series_id"])
    for column, table in (("stored", OBSERVATIONS), ("quarantined", QUARANTINE)):
        rows = lake.read_rows(NAME, table, columns=["ingest_id", "series_id"])
        for key, count in Counter(rows.itertuples(index=False, name=None)).items():
            assert key in log.index, f"{key} stands in {table.name} and is not logged"
            assert log.loc[key, column] >= count, f"{key}: {table.name} has {count}"
        assert log[column].sum() == _count_ever_written(lake, table), table.name


def _count_ever_written(lake: Lake, table: Table) -> int:
    if lake.table_version(NAME, table) is None:
        return 0
    commits = DeltaTable(f"{lake.uri}/{NAME}/{table.name}").history()
    names = ("num_added_rows", "num_target_rows_inserted", "num_target_rows_updated")
    return sum(int(commit["operationMetrics"].get(name, 0)) for commit in commits for name in names)


def _read_history(
    lake: Lake, *, series_ids: Sequence[str] | None = None, version: int | None = None
) -> pd.DataFrame:
    columns = [*OBSERVATIONS_KEY, *COLUMNS, "repair"]
    return lake.read_rows(
        NAME, OBSERVATIONS, columns=columns, series_ids=series_ids, version=version
    )


def _digest(rows: pd.DataFrame, table: Table | None = None) -> str:
    if table is not None:
        rows = rows[[*table.key, *table.facts]].sort_values(list(table.key))
    return hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()
