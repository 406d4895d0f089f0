"""A disk that is full while a table is written: a sentence, a whole table, and a way on."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines_lib.errors import LakeError
from pipelines_lib.lake import Lake, table_checksum
from pipelines_lib.tables import observations_table
from tests.support import mount_small_disk

ROOT = Path(__file__).parents[3]
TABLE = observations_table(("value",))
WRITER = """
import resource
import signal
import sys

import numpy as np
import pandas as pd

from pipelines_lib.errors import LakeError
from pipelines_lib.lake import Lake
from pipelines_lib.tables import observations_table

uri, limit, call = sys.argv[1], int(sys.argv[2]), sys.argv[3]
table = observations_table(("value",))
days = pd.date_range("2023-01-01", periods=50_000, freq="min", tz="UTC", unit="us")
values = np.random.default_rng(0).normal(size=len(days))
frame = pd.DataFrame({"series_id": "A", "time": days, "value": values, "repair": None})
frame["ingest_id"] = "i"
if limit:  # the signal of the limit would end the process before it could say anything
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
scope = {"scope": {"series_id": "A"}} if call == "replace_rows" else {}
try:
    counts = getattr(Lake(uri), call)("d", table, frame, **scope)
    print("wrote", counts.inserted)
except LakeError as error:
    print("transient" if error.transient else "lasting", error)
"""


def write(uri: str, *, limit: int = 0, call: str = "merge_rows") -> str:
    """Write 50,000 rows in a process whose files may not exceed `limit` bytes (0: no limit)."""
    command = [sys.executable, "-c", WRITER, uri, str(limit), call]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.stdout, done.stderr
    return done.stdout.strip()


@pytest.fixture
def whole(tmp_path):
    """Return the checksum of the table that a writer with room makes."""
    uri = str(tmp_path / "whole")
    assert write(uri) == "wrote 50000"
    return table_checksum(Lake(uri), "d", TABLE)


@pytest.mark.parametrize("call", ["merge_rows", "replace_rows"])
@pytest.mark.parametrize("exists", [False, True], ids=["first", "later"])
def test_a_write_that_finds_no_room_leaves_the_table_whole(lake, rows, whole, exists, call):
    if exists:
        lake.merge_rows("d", TABLE, rows(("A", "2023-01-01", 5.0)))
    version = lake.table_version("d", TABLE)

    said = write(lake.uri, limit=50_000, call=call)

    assert said.startswith(f"transient cannot write 50000 rows to {lake.uri}/d/observations: ")
    assert "File too large" in said
    assert "The table is as it was; make room on the disk" in said
    assert lake.table_version("d", TABLE) == version
    assert lake.read_rows("d", TABLE)["value"].tolist() == ([5.0] if exists else [])
    assert write(lake.uri, call=call) == f"wrote {49_999 if exists else 50_000}"
    assert table_checksum(lake, "d", TABLE) == whole


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder that is a file system of 1 MiB."""
    with mount_small_disk(tmp_path / "disk", mib=1) as folder:
        yield folder


def test_merge_rows_onto_a_full_disk_then_with_room_ends_in_the_same_table(small_disk, rows, whole):
    lake = Lake(str(small_disk / "lake"))
    lake.merge_rows("d", TABLE, rows(("A", "2023-01-01", 5.0)))
    (small_disk / "other").write_bytes(b"x" * 800_000)

    said = write(lake.uri)

    assert said.startswith("transient cannot write 50000 rows")
    assert "No space left on device" in said
    assert lake.read_rows("d", TABLE)["value"].tolist() == [5.0]
    (small_disk / "other").unlink()
    assert write(lake.uri) == "wrote 49999"
    assert table_checksum(lake, "d", TABLE) == whole


@pytest.mark.parametrize("room", [0, 4096], ids=["rows", "commit"])
def test_merge_rows_that_finds_no_room_leaves_the_table_whole(small_disk, rows, room):
    """Leave no room for the rows, or room for them and none for the commit that names them."""
    lake = Lake(str(small_disk / "lake"))
    lake.merge_rows("d", TABLE, rows(("A", "2023-01-01", 5.0)))
    other = small_disk / "other"
    with other.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(other, other.stat().st_size - room)

    with pytest.raises(LakeError, match="cannot write 1 rows") as said:
        lake.merge_rows("d", TABLE, rows(("A", "2023-01-02", 6.0)))
    assert said.value.transient
    assert lake.read_rows("d", TABLE)["value"].tolist() == [5.0]
    other.unlink()
    lake.merge_rows("d", TABLE, rows(("A", "2023-01-02", 6.0)))
    assert lake.read_rows("d", TABLE)["value"].tolist() == [5.0, 6.0]
