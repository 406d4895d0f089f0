"""Tables of schemas 1 and 2: without the columns that came later."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pandas as pd
import pytest
from deltalake import DeltaTable, Field, write_deltalake

from pipelines_lib.errors import LakeError
from pipelines_lib.lake import Lake, MergeCounts
from pipelines_lib.lake.arrow import to_arrow
from pipelines_lib.lake.stored import open_table
from pipelines_lib.tables import SCHEMA_VERSION, SCORES

LATER = ["p_value", "anomalous", "part", "stale"]
"""Columns of scores that schema version 1 had not."""


@pytest.fixture
def old(lake, score_rows):
    """Return a lake whose scores were written by schema version 1."""
    rows = score_rows(("A", "2023-01-02", "causal", 1.0), ("B", "2024-01-02", "causal", 2.0))
    write_deltalake(
        f"{lake.uri}/d/scores",
        to_arrow(rows, SCORES).drop_columns(LATER),
        partition_by=["year"],
        description="scores; tidewatch-schema=1",
    )
    return lake


def stored(lake):
    return open_table(f"{lake.uri}/d/scores", "d.scores", SCORES)


def test_read_rows_of_an_old_table_gives_null_for_later_columns(old):
    read = old.read_rows("d", SCORES)
    assert list(read) == SCORES.schema.names
    assert read[LATER].isna().all(axis=None)
    assert str(read["stale"].dtype) == "str"
    assert old.read_table("d", SCORES, columns=["stale"])["stale"].null_count == 2
    assert len(old.read_rows("d", SCORES, equal={"stale": "i"})) == 0
    assert old.count_rows("d", SCORES, having="stale").to_dict() == {"A": 0, "B": 0}
    assert old.table_version("d", SCORES) == 0


def test_merge_rows_into_an_old_table_adds_the_columns_and_raises_its_mark(old, score_rows):
    rows = score_rows(("A", "2023-01-02", "causal", 1.0), ("A", "2023-01-03", "causal", 3.0))
    counts = old.merge_rows("d", SCORES, rows)
    assert counts == MergeCounts(inserted=1, updated=1)  # the old row has the later columns now
    assert (stored(old).mark, stored(old).nulls) == (SCHEMA_VERSION, ())
    assert old.read_rows("d", SCORES)["stale"].isna().tolist() == [True] * 3
    assert old.read_rows("d", SCORES, version=0)["stale"].isna().tolist() == [True] * 2
    version = old.table_version("d", SCORES)
    assert old.merge_rows("d", SCORES, rows) == MergeCounts(unchanged=2)
    assert old.table_version("d", SCORES) == version


def test_merge_rows_raises_the_mark_that_a_kill_left_behind(old, score_rows):
    added = [Field.from_arrow(SCORES.schema.field(name)) for name in LATER]
    DeltaTable(f"{old.uri}/d/scores").alter.add_columns(added)
    assert (stored(old).mark, stored(old).nulls) == (1, ())
    old.merge_rows("d", SCORES, score_rows(("A", "2023-01-03", "causal", 3.0)))
    assert stored(old).mark == SCHEMA_VERSION


def test_merge_rows_into_an_old_table_by_threads_at_once(old, score_rows):
    start = Barrier(3)

    def write(number):
        start.wait()
        rows = score_rows(*[("C", f"2024-02-{day:02}", "causal", 1.0) for day in range(1, 6)])
        own = score_rows((f"D{number}", "2024-02-01", "causal", 1.0))
        return Lake(old.uri).merge_rows("d", SCORES, pd.concat([rows, own], ignore_index=True))

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(write, range(3)))
    assert sum(count.inserted for count in counts) == 5 + 3
    assert len(old.read_rows("d", SCORES)) == 2 + 5 + 3
    assert (stored(old).mark, stored(old).nulls) == (SCHEMA_VERSION, ())
    fields = [field.name for field in DeltaTable(f"{old.uri}/d/scores").schema().fields]
    assert sorted(fields) == sorted([*SCORES.schema.names, "year"])


def test_read_rows_refuses_a_current_table_without_a_later_column(old):
    DeltaTable(f"{old.uri}/d/scores").alter.set_table_description(
        f"scores; tidewatch-schema={SCHEMA_VERSION}"
    )
    with pytest.raises(LakeError, match="lacks the columns anomalous, p_value, part, stale"):
        old.read_rows("d", SCORES)


def mark(lake, name):
    since = {name: pd.Timestamp("2000-01-01", tz="UTC")}
    return lake.mark_stale("d", SCORES, since, by="time", ingest_id="i1")


def test_mark_stale_in_an_old_table_adds_the_column(old):
    assert mark(old, "X") == 0
    assert stored(old).version == 0
    assert mark(old, "B") == 1
    read = old.read_rows("d", SCORES)
    assert dict(zip(read["series_id"], read["stale"].fillna("valid"), strict=True)) == {
        "A": "valid",
        "B": "i1",
    }
