"""Rows as a stream: bounded tables, conditions, what another table lacks, flat memory."""

import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pytest

from pipelines_lib.errors import LakeError
from pipelines_lib.lake import Lake
from pipelines_lib.tables import DOCUMENTS, POLARITIES

TIME = pd.Timestamp("2024-01-02 06:30", tz="UTC").as_unit("us")


def _documents(numbers, source="wire"):
    frame = pd.DataFrame({"document_id": [f"d{n:04d}" for n in numbers], "time": TIME})
    frame = frame.assign(series_ids="", source=source, language="ko", title="")
    frame["text"] = "text of " + frame["document_id"]
    frame["label"] = pd.Series([None] * len(frame), dtype=object)
    return frame.assign(ingest_id="first")


def _polarities(numbers, version="1", scorer="news-classifier"):
    frame = pd.DataFrame({"document_id": [f"d{n:04d}" for n in numbers]})
    frame = frame.assign(scorer=scorer, model_version=version, time=TIME, series_ids="")
    return frame.assign(
        label="neutral", probability=0.5, polarity=0.0, ingest_id="first", run_id="r"
    )


def _ids(batches):
    return sorted(name for batch in batches for name in batch["document_id"].to_pylist())


def test_stream_rows_yields_all_in_tables_of_at_most_batch_rows(lake):
    lake.merge_rows("news", DOCUMENTS, _documents(range(25)))
    lake.merge_rows("news", DOCUMENTS, _documents(range(25, 32)))
    batches = list(lake.stream_rows("news", DOCUMENTS, columns=["text", "document_id"]))
    assert [batch.num_rows for batch in batches] == [32]
    batches = list(lake.stream_rows("news", DOCUMENTS, batch_rows=10))
    assert [batch.num_rows for batch in batches] == [10, 10, 10, 2]
    assert _ids(batches) == [f"d{n:04d}" for n in range(32)]
    assert batches[0].schema.equals(DOCUMENTS.schema)


def test_stream_rows_reads_what_fulfils_the_conditions(lake):
    lake.merge_rows("news", DOCUMENTS, _documents([1, 2]))
    lake.merge_rows("news", DOCUMENTS, _documents([3], source="it's"))
    only = {"columns": ["document_id"], "equal": {"source": "it's"}}
    assert _ids(lake.stream_rows("news", DOCUMENTS, **only)) == ["d0003"]
    assert _ids(lake.stream_rows("news", DOCUMENTS, version=0)) == ["d0001", "d0002"]
    assert _ids(lake.stream_rows("news", DOCUMENTS, end=TIME.to_pydatetime())) != []
    later = (TIME + pd.Timedelta("1s")).to_pydatetime()
    assert _ids(lake.stream_rows("news", DOCUMENTS, start=later)) == []


def test_stream_rows_of_a_table_that_does_not_exist_yields_nothing(lake):
    assert list(lake.stream_rows("news", DOCUMENTS)) == []


def test_stream_rows_stays_with_the_version_it_began_with(lake):
    lake.merge_rows("news", DOCUMENTS, _documents(range(30)))
    rows = lake.stream_rows("news", DOCUMENTS, batch_rows=10)
    first = next(rows)
    lake.merge_rows("news", DOCUMENTS, _documents(range(30, 60)))
    assert first.num_rows + sum(batch.num_rows for batch in rows) == 30


def test_stream_rows_names_a_version_that_is_not_there(lake):
    lake.merge_rows("news", DOCUMENTS, _documents([1]))
    with pytest.raises(LakeError, match="has no version 7"):
        next(lake.stream_rows("news", DOCUMENTS, version=7))


def test_stream_missing_yields_the_rows_that_another_table_lacks(lake):
    lake.merge_rows("news", DOCUMENTS, _documents(range(6)))
    missing = {"lacks": POLARITIES, "on": "document_id", "columns": ["document_id", "text"]}
    mine = {"scorer": "news-classifier", "model_version": "1"}
    assert len(_ids(lake.stream_missing("news", DOCUMENTS, **missing, equal=mine))) == 6
    lake.merge_rows("news", POLARITIES, _polarities([0, 1]))
    lake.merge_rows("news", POLARITIES, _polarities([2], version="2"))
    lake.merge_rows("news", POLARITIES, _polarities([3], scorer="other"))
    left = list(lake.stream_missing("news", DOCUMENTS, **missing, equal=mine, batch_rows=3))
    assert [batch.num_rows for batch in left] == [3, 1]
    assert _ids(left) == ["d0002", "d0003", "d0004", "d0005"]
    assert left[0].schema.names == ["document_id", "text"]
    assert left[0].schema.field("text").type == pa.string()
    assert _ids(lake.stream_missing("news", DOCUMENTS, **missing)) == ["d0004", "d0005"]
    assert list(lake.stream_missing("other", DOCUMENTS, **missing)) == []


def test_stream_missing_compares_several_columns(lake):
    lake.merge_rows("news", DOCUMENTS, _documents(range(3)))
    lake.merge_rows("news", POLARITIES, _polarities(range(3)))
    changed = _documents([1]).assign(text="another", ingest_id="second")
    lake.merge_rows("news", DOCUMENTS, changed)
    on = ["document_id", "ingest_id"]
    found = lake.stream_missing("news", DOCUMENTS, lacks=POLARITIES, on=on)
    assert _ids(found) == ["d0001"]


READ = """
import resource, sys
from pipelines_lib.lake import Lake
from pipelines_lib.tables import DOCUMENTS
rows, first = 0, 0
for batch in Lake(sys.argv[1]).stream_rows("news", DOCUMENTS, batch_rows=5000):
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows, first = rows + batch.num_rows, first or peak_kb
peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(rows, (peak_kb - first) // 1000)
"""


@pytest.mark.slow
def test_stream_rows_needs_no_more_memory_for_more_rows(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    for begin in range(0, 500_000, 50_000):
        rows = _documents(range(begin, begin + 50_000))
        rows["text"] = [f"{i} " + "아주 긴 글 " * 60 for i in range(begin, begin + 50_000)]
        lake.merge_rows("news", DOCUMENTS, rows)
    done = subprocess.run(
        [sys.executable, "-c", READ, lake.uri], capture_output=True, text=True, check=True
    )
    rows, grown_mb = map(int, done.stdout.split())
    assert rows == 500_000
    assert grown_mb < 150  # the texts are 500 MB
