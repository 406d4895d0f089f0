"""Archives of arrays: steps numbered on the calendar, columns by number, labels of test."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pipelines_lib.config import DatasetConfig, SourceConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.settings import Settings
from pipelines_lib.sources import Fetched, Source, make_source

VALUE = {"value_columns": ["value"], "target": "value"}
TWO = {"value_columns": ["c01", "load"], "target": "load"}


def archive(path: Path, **arrays: object) -> Path:
    np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
    return path


def source_of(path: Path, *, dataset: dict | None = None, **source: object) -> Source:
    if dataset is None:
        dataset, source = VALUE, {"columns": ["c01=value"], **source}
    config = SourceConfig(kind="files", path=str(path), **source)
    fields = {"kind": "values", "calendar": "fixed", "step_minutes": 60, **dataset}
    return make_source(DatasetConfig(name="metrics", source=config, **fields), Settings())


def fetch(source: Source, start: date | None = None, end: date | None = None) -> Fetched:
    return source.fetch_rows(dict.fromkeys(source.list_series(), start), end=end)


def times(rows) -> list[str]:
    return rows["time"].dt.strftime("%Y-%m-%d %H:%M").tolist()


def test_fetch_rows_numbers_train_and_then_test(tmp_path):
    path = archive(tmp_path / "ECG2.npz", train=[1, 2], test=[3, 4, 5], test_label=[0, 1, 1])
    source = source_of(path)
    fetched = fetch(source)
    assert source.list_series() == ["ECG2"]
    assert list(fetched.rows) == ["series_id", "time", "value"]
    assert fetched.rows["time"].dtype == "datetime64[us, UTC]"
    assert fetched.rows["value"].dtype == "float64"
    assert times(fetched.rows) == [f"2000-01-01 0{hour}:00" for hour in range(5)]
    assert fetched.rows["value"].tolist() == [1, 2, 3, 4, 5]
    assert set(fetched.rows["series_id"]) == {"ECG2"}
    assert fetched.labels.astype("str").to_numpy().tolist() == [
        ["ECG2", "2000-01-01 03:00:00+00:00", "labelled"],
        ["ECG2", "2000-01-01 04:00:00+00:00", "labelled"],
    ]


def test_fetch_rows_names_columns_by_their_number(tmp_path):
    array = np.arange(24, dtype="float32").reshape(2, 12)
    path = archive(tmp_path / "machine.npz", train=array, other=[1, 2, 3])
    fetched = fetch(source_of(path, dataset=TWO, columns=["c12=load"]))
    assert fetched.rows[["c01", "load"]].to_numpy().tolist() == [[0, 11], [12, 23]]
    assert fetched.labels is None


def test_fetch_rows_takes_test_alone(tmp_path):
    path = archive(tmp_path / "a.npz", test=[[1.5], [2.5]], test_label=[True, False])
    fetched = fetch(source_of(path))
    assert fetched.rows["value"].tolist() == [1.5, 2.5]
    assert times(fetched.labels) == ["2000-01-01 00:00"]


def test_fetch_rows_keeps_labels_where_no_step_is_anomalous(tmp_path):
    fetched = fetch(source_of(archive(tmp_path / "a.npz", test=[1, 2], test_label=[0, 0])))
    assert list(fetched.labels) == ["series_id", "time", "kind"]
    assert len(fetched.labels) == 0


@pytest.mark.parametrize(
    ("first_time", "minutes", "offset", "expected"),
    [
        ("2000-01-01", 10, 0, "2000-01-01 00:00"),
        ("2024-02-03T06:30", 10, 0, "2024-02-03 06:30"),
        ("2024-02-03T06:30+09:00", 10, 0, "2024-02-02 21:30"),
        ("2024-02-03T06:31", 10, 0, "2024-02-03 06:40"),
        ("2024-02-03T06:30", 60, 7, "2024-02-03 07:07"),
        ("2000-01-01", 10_080, 5760, "2000-01-03 00:00"),  # a Monday
    ],
)
def test_fetch_rows_begins_at_the_step_of_the_calendar_that_is_due(
    tmp_path, first_time, minutes, offset, expected
):
    path = archive(tmp_path / "a.npz", train=[1, 2])
    dataset = {**VALUE, "step_minutes": minutes, "offset_minutes": offset}
    source = source_of(path, dataset=dataset, columns=["c01=value"], first_time=first_time)
    rows = fetch(source).rows
    assert times(rows)[0] == expected
    assert (rows["time"].iloc[1] - rows["time"].iloc[0]).total_seconds() == 60 * minutes


def test_fetch_rows_cuts_rows_and_labels_alike(tmp_path):
    path = archive(tmp_path / "a.npz", test=np.arange(72), test_label=np.arange(72) % 24 == 0)
    fetched = fetch(source_of(path), start=date(2000, 1, 2), end=date(2000, 1, 2))
    assert fetched.rows["value"].tolist() == list(range(24, 48))
    assert times(fetched.labels) == ["2000-01-02 00:00"]


def test_fetch_rows_reads_a_folder_and_fails_only_what_is_broken(tmp_path):
    archive(tmp_path / "good.npz", train=[1, 2])
    archive(tmp_path / "marked.npz", test=[3], test_label=[1])
    archive(tmp_path / "pickled.npz", train=np.array([{}, None], dtype=object))
    (tmp_path / "void.npz").write_bytes(b"")
    source = source_of(tmp_path)
    assert source.list_series() == ["good", "marked", "pickled", "void"]
    fetched = fetch(source)
    assert fetched.rows["value"].tolist() == [1, 2, 3]
    assert fetched.labels["series_id"].tolist() == ["marked"]
    assert set(fetched.failures) == {"pickled", "void"}
    assert fetched.transient == {"void"}


def test_fetch_rows_tells_of_an_archive_that_breaks_off(tmp_path):
    path = archive(tmp_path / "a.npz", train=np.arange(1000))
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:size])
        with pytest.raises(SourceError, match=r"a\.npz is no whole npz archive") as caught:
            fetch(source_of(path))
        assert caught.value.transient


def test_fetch_rows_tells_of_an_archive_that_was_damaged(tmp_path):
    path = archive(tmp_path / "a.npz", train=np.arange(1000))
    damaged = bytearray(path.read_bytes())
    damaged[4000] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(SourceError, match=r"a\.npz cannot be read .*Bad CRC-32") as caught:
        fetch(source_of(path))
    assert not caught.value.transient


def test_fetch_rows_never_runs_a_pickle(tmp_path):
    ran = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (ran,))

    path = archive(tmp_path / "a.npz", train=np.array([Trap()], dtype=object))
    with pytest.raises(SourceError, match=r"Object arrays cannot be loaded.*numbers"):
        fetch(source_of(path))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": [1], "y": [2]}, "has neither train nor test, only x, y: name the array"),
        ({"train": [[1, 2]], "test": [[1]]}, "train has 2 columns and test 1: save the same"),
        ({"train": ["a", "b"]}, "train is of type <U1: save numbers"),
        ({"test": np.zeros((2, 2, 2))}, r"test has shape \(2, 2, 2\): save it as steps by"),
        ({"train": 5.0}, r"train has shape \(\): save it as steps by"),
        ({"test": [1, 2], "test_label": [1]}, r"shape \(1,\) and test 2 steps: save one label"),
        ({"train": [1, 2], "test_label": [1, 0]}, r"shape \(2,\) and test 0 steps: save one"),
        ({"test": [1, 2], "test_label": [0, 3]}, "test_label has '3': write 1 for an anomalous"),
        ({"train": np.zeros((3, 0))}, r"no column 'value'"),
    ],
)
def test_fetch_rows_refuses_arrays_that_say_nothing(tmp_path, arrays, sentence):
    path = archive(tmp_path / "a.npz", **arrays)
    with pytest.raises(SourceError, match=rf"a\.npz.*{sentence}"):
        fetch(source_of(path))


def test_fetch_rows_names_the_columns_there_are(tmp_path):
    path = archive(tmp_path / "a.npz", train=[[1, 2], [3, 4]])
    with pytest.raises(
        SourceError, match=r"no column 'load'; .* are c01, c02: map .*`theirs=load`"
    ):
        fetch(source_of(path, dataset=TWO))


def test_fetch_rows_refuses_a_calendar_of_sessions(tmp_path):
    path = archive(tmp_path / "a.npz", train=[1, 2])
    dataset = {**VALUE, "calendar": "XKRX"}
    with pytest.raises(SourceError, match=r"calendar XKRX cannot number: set calendar=fixed"):
        fetch(source_of(path, dataset=dataset, columns=["c01=value"]))


def test_fetch_rows_reads_a_server_machine(shared_data):
    path = shared_data / "smd/machine-1-6.npz"
    if not path.exists():
        pytest.skip(f"no server metrics at {path}")
    columns = [f"c{number:02d}" for number in range(1, 39)]
    dataset = {"value_columns": columns, "target": "c01", "step_minutes": 1}
    fetched = fetch(source_of(path, dataset=dataset))
    with np.load(path, allow_pickle=False) as arrays:
        assert len(fetched.rows) == len(arrays["train"]) + len(arrays["test"])
        assert len(fetched.labels) == arrays["test_label"].sum()
        assert fetched.rows["c38"].iloc[-1] == arrays["test"][-1, 37]
