from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from pipelines_lib.errors import LakeError
from pipelines_lib.lake import Lake
from pipelines_lib.tables import QUARANTINE


@pytest.fixture
def nights(lake, observations, rows):
    """Four nights of one row each: four files in two years, versions 0 to 3."""
    for day, value in (
        ("2023-12-28", 1.0),
        ("2023-12-29", 2.0),
        ("2024-01-02", 3.0),
        ("2024-01-03", 4.0),
    ):
        lake.merge_rows("d", observations, rows(("A", day, value)))
    return lake


def test_compact_joins_files_and_leaves_the_rows_as_they_are(nights, observations):
    before = nights.read_rows("d", observations)
    counts = nights.compact("d", observations, keep_hours=24)
    assert counts == {"before": 4, "after": 2, "dropped": 0}
    pd.testing.assert_frame_equal(nights.read_rows("d", observations), before)


def test_compact_keeps_versions_younger_than_asked(nights, observations):
    nights.compact("d", observations, keep_hours=24)
    assert nights.read_rows("d", observations, version=1)["value"].tolist() == [1.0, 2.0]


def test_compact_ends_versions_beyond_what_is_kept(nights, observations):
    counts = nights.compact("d", observations, keep_hours=0)
    assert counts["dropped"] == 4
    with pytest.raises(LakeError, match=r"cannot read version 1 .*maintenance"):
        nights.read_rows("d", observations, version=1)
    assert nights.read_rows("d", observations)["value"].tolist() == [1.0, 2.0, 3.0, 4.0]
    files = list(Path(nights.uri).glob("d/observations/year=*/*.parquet"))
    assert len(files) == 2


def test_compact_of_a_compact_table_rewrites_no_file(nights, observations):
    nights.compact("d", observations, keep_hours=24)
    before = nights.table_version("d", observations)
    data = DeltaTable(f"{nights.uri}/d/observations").file_uris()
    counts = nights.compact("d", observations, keep_hours=24)
    assert counts == {"before": 2, "after": 2, "dropped": 0}
    assert DeltaTable(f"{nights.uri}/d/observations").file_uris() == data
    assert nights.read_rows("d", observations, version=before)["value"].tolist() == [1, 2, 3, 4]


def test_compact_of_a_table_that_is_not_there_does_nothing(lake):
    assert lake.compact("d", QUARANTINE, keep_hours=0) == {"before": 0, "after": 0, "dropped": 0}


def test_check_writable_writes_once(lake):
    lake.check_writable()
    lake.check_writable()
    probe = DeltaTable(f"{lake.uri}/_lake/probe")
    assert probe.version() == 0
    assert probe.to_pyarrow_table().to_pydict() == {"name": ["tidewatch"]}


def test_check_writable_of_a_place_that_cannot_be_written_names_the_remedy(tmp_path):
    (tmp_path / "file").write_text("not a folder")  # root may write anywhere else
    with pytest.raises(LakeError, match=r"(?s)cannot write 1 rows to .*TIDEWATCH_LAKE_URI"):
        Lake(str(tmp_path / "file" / "lake")).check_writable()


def test_merge_rows_to_a_place_that_cannot_be_written_is_a_lake_error(tmp_path, observations, rows):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LakeError, match="cannot write"):
        Lake(str(tmp_path / "file")).merge_rows("d", observations, rows(("A", "2024-01-02", 1.0)))
