from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pandas as pd
import pytest

from pipelines_lib.lake import Lake, MergeCounts
from pipelines_lib.tables import SCORES


@pytest.fixture
def scored(lake, score_rows):
    lake.merge_rows(
        "d",
        SCORES,
        score_rows(
            ("A", "2023-01-02", "causal", 1.0),
            ("A", "2024-01-02", "causal", 2.0),
            ("B", "2024-01-02", "causal", 3.0),
            ("O'Brien", "2024-01-02", "causal", 4.0),
        ),
    )
    return lake


def mark(lake, names, ingest_id, since="2000-01-01"):
    times = dict.fromkeys(names, pd.Timestamp(since, tz="UTC"))
    return lake.mark_stale("d", SCORES, times, by="time", ingest_id=ingest_id)


def stale(lake):
    read = lake.read_rows("d", SCORES)
    return dict(zip(read["score"], read["stale"].fillna("valid"), strict=True))


def test_mark_stale_marks_the_rows_of_the_series_once(scored):
    assert mark(scored, ["A", "O'Brien", "X"], "it's 1") == 3
    assert stale(scored) == {1.0: "it's 1", 2.0: "it's 1", 3.0: "valid", 4.0: "it's 1"}
    assert mark(scored, ["A", "B"], "i2") == 1
    assert stale(scored) == {1.0: "it's 1", 2.0: "it's 1", 3.0: "i2", 4.0: "it's 1"}


def test_mark_stale_spares_what_lies_before_each_series_first_time(scored):
    since = {"A": pd.Timestamp("2024-01-02", tz="UTC"), "B": pd.Timestamp("2024-01-03", tz="UTC")}
    assert scored.mark_stale("d", SCORES, since, by="time", ingest_id="i1") == 1
    assert stale(scored) == {1.0: "valid", 2.0: "i1", 3.0: "valid", 4.0: "valid"}


@pytest.mark.parametrize("series_ids", [["X"], []])
def test_mark_stale_of_nothing_makes_no_version(scored, series_ids):
    before = scored.table_version("d", SCORES)
    assert mark(scored, series_ids, "i1") == 0
    assert scored.table_version("d", SCORES) == before


def test_mark_stale_of_a_table_that_is_not_there_marks_none(lake):
    assert mark(lake, ["A"], "i1") == 0
    assert lake.table_version("d", SCORES) is None


def test_merge_rows_makes_a_stale_row_valid_again(scored, score_rows):
    mark(scored, ["B"], "i1")
    counts = scored.merge_rows("d", SCORES, score_rows(("B", "2024-01-02", "causal", 3.0)))
    assert counts == MergeCounts(updated=1)
    assert stale(scored)[3.0] == "valid"


def test_mark_stale_by_threads_at_once_marks_each_row_once(scored):
    start = Barrier(3)

    def mark_at_once(number):
        start.wait()
        return mark(Lake(scored.uri), ["A", "B"], f"i{number}")

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(mark_at_once, range(3)))
    assert sum(counts) == 3
