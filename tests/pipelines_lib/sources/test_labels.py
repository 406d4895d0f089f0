"""Marks of anomalous steps in CSV and Parquet files."""

from pathlib import Path

import pandas as pd
import pytest

from pipelines_lib.config import DatasetConfig, SourceConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.settings import Settings
from pipelines_lib.sources import Fetched, make_source
from pipelines_lib.sources.labels import parse_labels


def fetch(path: Path, **source: object) -> Fetched:
    config = SourceConfig(kind="files", path=str(path), **{"label_column": "label", **source})
    dataset = DatasetConfig(
        name="d", source=config, kind="values", value_columns=["value"], target="value"
    )
    made = make_source(dataset, Settings())
    return made.fetch_rows(dict.fromkeys(made.list_series()), end=None)


def labels_of(fetched: Fetched) -> list[list[str]]:
    days = fetched.labels["time"].dt.strftime("%Y-%m-%d")
    kept = fetched.labels.assign(time=days)
    return kept[["series_id", "time", "kind"]].to_numpy().tolist()


def test_fetch_rows_keeps_the_marks_of_a_csv_as_labels(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Date,value,label\n2024-01-02,1,0\n2024-01-03,9,1\n2024-01-04,1,\n")
    fetched = fetch(path)
    assert list(fetched.rows) == ["series_id", "time", "value"]
    assert fetched.rows["value"].tolist() == [1, 9, 1]
    assert labels_of(fetched) == [["a", "2024-01-03", "labelled"]]


def test_fetch_rows_keeps_no_labels_where_no_column_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Date,value,label\n2024-01-02,1,1\n")
    assert fetch(path, label_column="").labels is None


def test_fetch_rows_gives_each_series_of_a_long_file_its_labels(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(
        "Date,Code,value,is_anomaly\n"
        "2024-01-02,a,1,True\n2024-01-02,b,2,False\n2024-01-03,a,3,False\n2024-01-03,b,4,True\n"
    )
    fetched = fetch(path, series_column="Code", label_column="is_anomaly")
    assert labels_of(fetched) == [["a", "2024-01-02", "labelled"], ["b", "2024-01-03", "labelled"]]


def test_fetch_rows_labels_a_step_told_twice_once_and_no_unreadable_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Date,value,label\n2024-01-02,1,1\n2024-01-02,2,1\nsome day,9,1\n")
    fetched = fetch(path)
    assert len(fetched.rows) == 3
    assert labels_of(fetched) == [["a", "2024-01-02", "labelled"]]


@pytest.mark.parametrize(
    "marks", [[0, 1, 0], [0.0, 1.0, None], [False, True, None], ["false", " True", ""]]
)
def test_fetch_rows_reads_the_marks_of_parquet(tmp_path, marks):
    days = pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"])
    frame = pd.DataFrame({"Date": days, "value": [1.0, 2.0, 3.0], "label": marks})
    frame.to_parquet(tmp_path / "a.parquet")
    assert labels_of(fetch(tmp_path / "a.parquet")) == [["a", "2024-01-03", "labelled"]]


def test_fetch_rows_names_a_label_column_that_is_not_there(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Date,value\n2024-01-02,1\n")
    with pytest.raises(SourceError, match=r"no column 'label'.*source\.label_column, or empty it"):
        fetch(path)


@pytest.mark.parametrize("mark", ["2", "yes", "-1", "0.5"])
def test_parse_labels_refuses_what_is_neither(mark):
    with pytest.raises(SourceError, match=f"a.csv: label has '{mark}': write 1"):
        parse_labels(pd.Series(["0", mark, "1"]), place="a.csv: label")
