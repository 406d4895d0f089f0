"""Files of documents: every format gives the same rows, as text, a bounded number at a time."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines_lib.config.documents import DocumentsConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.sources import document_readers
from pipelines_lib.sources.documents import ROLES, DocumentFiles


def _read(path, **fields):
    source = DocumentFiles(DocumentsConfig(kind="files", path=str(path), **fields))
    raws = [raw for part in source.list_parts() for raw in source.read_part(part)]
    rows = pd.concat([raw.rows for raw in raws], ignore_index=True) if raws else pd.DataFrame()
    return rows, [row for raw in raws for row in raw.malformed]


def _write(path, *lines, encoding="utf-8", end="\n"):
    path.write_bytes(end.join([*lines, ""]).encode(encoding))
    return path


def test_read_part_of_csv_keeps_quoted_commas_and_line_ends(tmp_path):
    path = _write(
        tmp_path / "news.csv", "id,time,text", 'a,2024-01-02,"one, two', 'three ""four"""', "b,,NA"
    )
    rows, malformed = _read(path)
    assert list(rows.columns) == [*ROLES, "row"]
    assert rows["document_id"].tolist() == ["a", "b"]
    assert rows["text"].tolist() == ['one, two\nthree "four"', "NA"]
    assert rows["time"].tolist() == ["2024-01-02", ""]
    assert rows["source"].tolist() == ["news.csv", "news.csv"]
    assert rows["row"].tolist() == [0, 1]
    assert malformed == []


def test_read_part_of_tsv_takes_quotes_as_text(tmp_path):
    path = _write(
        tmp_path / "ratings.txt",
        "id\tdocument\tlabel",
        '1\t"best film ever\t1',
        "2\t\t0",
        "3\tlone\rreturn\t1",
        end="\r\n",
    )
    fields = {"file_format": "tsv", "time_column": "", "text_column": "document"}
    rows, malformed = _read(path, **fields, label_column="label", language="ko")
    assert rows["text"].tolist() == ['"best film ever', "", "lone\rreturn"]
    assert rows["label"].tolist() == ["1", "0", "1"]
    assert set(rows["language"]) == {"ko"}
    assert set(rows["time"]) == {"2000-01-01T00:00:00+00:00"}
    assert malformed == []


def test_read_part_of_json_lines_tells_numbers_lists_and_nulls(tmp_path):
    path = _write(
        tmp_path / "news.jsonl",
        json.dumps({"id": 7, "time": "2024-01-02T09:00", "text": "가 😀", "about": ["A", "B 1"]}),
        "",
        json.dumps({"id": "x", "time": None, "text": "null"}),
        '{"id": "broken',
        "[1, 2]",
    )
    rows, malformed = _read(path, series_column="about")
    assert rows["document_id"].tolist() == ["7", "x"]
    assert rows["series_ids"].tolist() == ["A,B 1", ""]
    assert rows["time"].tolist() == ["2024-01-02T09:00", ""]
    assert rows["text"].tolist() == ["가 😀", "null"]
    assert malformed == [{"line": '{"id": "broken'}, {"line": "[1, 2]"}]


def test_read_part_of_parquet_takes_times_and_lists(tmp_path):
    path = tmp_path / "news.parquet"
    when = pd.Timestamp("2024-01-02 09:00", tz="Asia/Seoul")
    columns = {
        "id": [1, 2],
        "time": [when, None],
        "text": ["한", None],
        "about": [["A 1", None, "B"], None],
    }
    pq.write_table(pa.table(columns), path)
    rows, _ = _read(path, series_column="about")
    assert rows["document_id"].tolist() == ["1", "2"]
    assert rows["time"].iloc[0] == pd.Timestamp("2024-01-02 00:00", tz="UTC")
    assert rows["time"].isna().tolist() == [False, True]
    assert rows["text"].tolist() == ["한", ""]
    assert rows["series_ids"].tolist() == ["A 1,,B", ""]


def test_read_part_of_lines_names_the_class_by_the_file(tmp_path):
    _write(tmp_path / "Korean.txt", "Ahn", "", "Baik")
    _write(tmp_path / "Arabic.txt", "\ufeffKhoury", "Khoury")
    (tmp_path / ".hidden.txt").write_text("no", encoding="utf-8")
    rows, _ = _read(tmp_path, label_from_file=True)
    assert rows["text"].tolist() == ["Khoury", "Khoury", "Ahn", "Baik"]
    assert rows["label"].tolist() == ["Arabic", "Arabic", "Korean", "Korean"]
    assert rows["row"].tolist() == [0, 1, 0, 1]


def test_read_part_tells_rows_with_too_many_or_too_few_fields(tmp_path):
    path = _write(tmp_path / "a.csv", "id,time,text", "1,2024-01-02,x", "2,y", "3,2024-01-02,z,z")
    rows, malformed = _read(path)
    assert rows["document_id"].tolist() == ["1"]
    assert malformed == [{"fields": ["2", "y"]}, {"fields": ["3", "2024-01-02", "z", "z"]}]


def test_read_part_keeps_a_field_as_long_as_a_filing(tmp_path):
    filing = "profit, and\nloss\n" * 20_000  # 320,000 characters
    path = _write(tmp_path / "a.csv", "id,time,text", f'1,2024-01-02,"{filing}"', "2,2024-01-02,y")
    rows, malformed = _read(path)
    assert rows["text"].tolist() == [filing, "y"]
    assert malformed == []


@pytest.mark.parametrize(
    ("max_field", "why"), [(100_000, "field larger than"), (2**24, "file ends inside a quote")]
)
def test_read_part_stops_at_a_quote_that_never_closes(tmp_path, monkeypatch, max_field, why):
    monkeypatch.setattr(document_readers, "MAX_FIELD", max_field)
    inside = ["3,2024-01-02,a line of the text"] * 10_000
    path = tmp_path / "a.csv"
    _write(path, "id,time,text", '1,2024-01-02,"a\nb"', '2,2024-01-02,"open', *inside)
    with pytest.raises(
        SourceError, match=rf"a\.csv cannot be read from line 4 on \(.*{why}.*close"
    ):
        _read(path)


def test_read_part_gives_broken_bytes_as_lone_surrogates(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"\xef\xbb\xbfid,time,text\n1,2024-01-02,\xb0\xa1\n2,2024-01-02,\xef\xbf\xbd\n"
    )
    rows, _ = _read(path)
    assert rows["text"].tolist() == ["\udcb0\udca1", "\ufffd"]


def test_read_part_holds_a_bounded_number_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(document_readers, "BATCH_ROWS", 3)
    lines = [f"{i},2024-01-02,t{i}" for i in range(8)]
    path = _write(tmp_path / "a.csv", "id,time,text", *lines[:4], "", "bad", *lines[4:])
    source = DocumentFiles(DocumentsConfig(kind="files", path=str(path)))
    raws = list(source.read_part("a.csv"))
    assert [len(raw.rows) + len(raw.malformed) for raw in raws] == [3, 3, 3]
    assert [row for raw in raws for row in raw.rows["row"]] == [0, 1, 2, 3, 5, 6, 7, 8]


def test_list_parts_sorts_files_and_follows_a_pattern(tmp_path):
    for name in ("b/2.csv", "a/9.csv", "top.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        _write(tmp_path / name, "id,time,text")
    config = DocumentsConfig(kind="files", path=str(tmp_path))
    assert DocumentFiles(config).list_parts() == ["top.csv"]
    config = DocumentsConfig(kind="files", path=f"{tmp_path}/**/*.csv")
    assert DocumentFiles(config).list_parts() == ["a/9.csv", "b/2.csv", "top.csv"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"text_column": "body"}, r"no column 'body' \(it has id, time, text\).*text_column"),
        ({"id_column": "nr"}, "no column 'nr'.*documents.id_column"),
        ({"label_column": "class"}, "no column 'class'.*documents.label_column"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_read_part_names_a_column_that_is_missing(tmp_path, fields, named, form):
    frame = pd.DataFrame({"id": ["1"], "time": ["2024-01-02"], "text": ["x"]})
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        frame.to_parquet(path)
    elif form == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    with pytest.raises(SourceError, match=named):
        _read(path, **fields)


def test_document_files_name_what_is_wrong_with_a_path(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        _read(tmp_path / "none")
    _write(tmp_path / "a.doc", "x")
    with pytest.raises(SourceError, match=r"holds no .*\.csv.* file; it has a\.doc"):
        _read(tmp_path)
    with pytest.raises(SourceError, match="ending that says nothing"):
        _read(tmp_path / "a.doc")
    _write(tmp_path / "a.txt", "x")
    _write(tmp_path / "a.csv", "id,time,text")
    with pytest.raises(SourceError, match=r"\.txt beside other files"):
        _read(tmp_path)
    assert _read(tmp_path, file_format="csv")[0].empty
    with pytest.raises(SourceError, match="both empty"):
        _read(tmp_path / "a.csv", text_column="")
    (tmp_path / "half.parquet").write_bytes(b"PAR1 half")
    with pytest.raises(SourceError, match=r"half\.parquet cannot be read"):
        _read(tmp_path / "half.parquet")
