"""Writers at once, and a writer that is killed: the table ends as if they had come in turn."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pandas as pd
import pytest

from pipelines_lib.lake import Lake
from pipelines_lib.tables import LABELS, observations_table

WRITER = """
import sys
import pandas as pd
from pipelines_lib.lake import Lake
from pipelines_lib.tables import observations_table

uri, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
days = pd.date_range("2023-12-20", periods=2000, tz="UTC", unit="us")
print("ready", flush=True)
sys.stdin.readline()
for begin in range(first, last, 5):
    time = days[begin:begin + 10]
    frame = pd.DataFrame({"series_id": "A", "time": time, "value": time.day_of_year * 1.0})
    frame = frame.assign(repair=None, ingest_id=f"i{begin}")
    Lake(uri).merge_rows("d", observations_table(("value",)), frame)
    print(begin, flush=True)
"""
ROOT = Path(__file__).parents[3]


def start_writer(uri: str, first: int, last: int) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, uri, str(first), str(last)]
    writer = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert writer.stdout.readline() == "ready\n"
    return writer


def overlapping(number: int) -> pd.DataFrame:
    """Return 20 rows that share half their keys with the next number's, values by key."""
    days = pd.date_range("2023-12-20", periods=60, tz="UTC", unit="us")
    days = days[number * 10 : number * 10 + 20]
    value = days.day_of_year.to_numpy(dtype="float64")
    frame = pd.DataFrame({"series_id": "A", "time": days, "value": value, "kind": "spike"})
    return frame.assign(repair=None, ingest_id=f"i{number}")


@pytest.mark.parametrize("table", [observations_table(("value",)), LABELS], ids=lambda t: t.name)
def test_merge_rows_by_threads_at_once_ends_in_the_same_table(lake, table):
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(Lake(lake.uri).merge_rows, "d", table, overlapping(n)) for n in range(4)
        ]
        counts = [job.result() for job in jobs]

    alone = pd.concat([overlapping(n) for n in range(4)]).drop_duplicates(["series_id", "time"])
    read = lake.read_rows("d", table)
    fact = table.facts[0]
    assert sum(count.inserted for count in counts) == 50
    assert sum(count.unchanged for count in counts) == 30
    assert read["time"].tolist() == alone["time"].tolist()
    assert read[fact].tolist() == alone[fact].tolist()


@pytest.mark.parametrize("exists", [False, True])
def test_merge_rows_of_the_same_rows_by_threads_at_once_stores_them_once(
    lake, observations, rows, exists
):
    for number in range(5):  # a race: it does not show every time
        dataset, writers = f"d{number}", 3
        if exists:
            lake.merge_rows(dataset, observations, rows(("Z", "2020-01-02", 0.0)))
        start = Barrier(writers)

        def write(_, dataset=dataset, start=start):
            start.wait()
            return Lake(lake.uri).merge_rows(dataset, observations, overlapping(0))

        with ThreadPoolExecutor(writers) as pool:
            counts = list(pool.map(write, range(writers)))
        assert sorted(count.inserted for count in counts) == [0, 0, 20]
        assert len(lake.read_rows(dataset, observations, series_ids=["A"])) == 20


def test_read_table_sees_whole_merges_only(lake, observations):
    """Each merge writes one value to all 200 rows: a reader that sees two has read a part."""
    days = pd.date_range("2023-12-20", periods=200, tz="UTC", unit="us")
    frame = pd.DataFrame({"series_id": "A", "time": days, "value": 0.0, "repair": None})
    frame["ingest_id"] = "i"
    lake.merge_rows("d", observations, frame)
    first = lake.table_version("d", observations)
    seen: list[list[float]] = []
    done = Event()

    def read():
        while not done.is_set():
            found = Lake(lake.uri).read_table("d", observations, columns=["value"])
            seen.append(found["value"].to_pylist())

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for value in range(1, 15):
            later = frame.assign(value=float(value), time=days + pd.Timedelta(days=value % 2))
            lake.replace_rows("d", observations, later, scope={"series_id": "A"})
        done.set()
        reading.result()
    assert len({values[0] for values in seen}) > 1
    assert all(len(values) == 200 and len(set(values)) == 1 for values in seen)
    old = lake.read_table("d", observations, version=first)
    assert set(old["value"].to_pylist()) == {0.0}


def test_merge_rows_by_processes_at_once_ends_in_the_same_table(lake, observations):
    writers = [start_writer(lake.uri, 0, 40), start_writer(lake.uri, 20, 60)]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]

    read = lake.read_rows("d", observations)
    days = pd.date_range("2023-12-20", periods=65, tz="UTC", unit="us")
    assert read["time"].tolist() == days.tolist()
    assert read["value"].tolist() == days.day_of_year.tolist()


def test_merge_rows_after_a_kill_ends_in_the_same_table(lake, observations):
    writer = start_writer(lake.uri, 0, 1990)
    writer.stdin.write("go\n")
    writer.stdin.flush()
    assert writer.stdout.readline() == "0\n"
    assert writer.stdout.readline() == "5\n"
    writer.kill()
    writer.communicate(timeout=60)

    found = lake.read_rows("d", observations)
    assert 15 <= len(found) < 1995  # what was committed is whole
    assert len(found) % 5 == 0
    for begin in range(0, 60, 10):
        time = pd.date_range("2023-12-20", periods=2000, tz="UTC", unit="us")[begin : begin + 10]
        frame = pd.DataFrame({"series_id": "A", "time": time, "value": time.day_of_year * 1.0})
        lake.merge_rows("d", observations, frame.assign(repair=None, ingest_id="again"))
    read = lake.read_rows("d", observations)
    assert not read.duplicated(["series_id", "time"]).any()
    assert read["value"].tolist() == read["time"].dt.day_of_year.tolist()
    assert read["time"].diff().dropna().unique().tolist() == [pd.Timedelta("1D")]
