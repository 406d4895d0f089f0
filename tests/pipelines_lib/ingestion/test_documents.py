"""Documents into the lake: repeated, grown, corrected, killed, partly unreadable."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import LakeError, SourceError
from pipelines_lib.ingestion import document_batches
from pipelines_lib.ingestion import documents as documents_module
from pipelines_lib.ingestion.documents import ingest_documents, list_document_quarantine
from pipelines_lib.lake import Lake, list_datasets, table_checksum
from pipelines_lib.sources import document_readers
from pipelines_lib.tables import DOCUMENT_QUARANTINE, DOCUMENTS

AT = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "news"
    path.mkdir()
    return path


@pytest.fixture
def ingest(lake, folder):
    """Return a function that ingests the folder's files as dataset `news`."""

    def run(ingest_id="first", *, into=lake, at=AT, on_batch=lambda done: None, **fields):
        config = {"kind": "files", "path": str(folder)} | fields
        dataset = DatasetConfig(name="news", kind="documents", documents=config)
        return ingest_documents(into, dataset, ingest_id=ingest_id, at=at, on_batch=on_batch)

    return run


def _write(path, *rows, header="id,time,text"):
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def _versions(lake):
    return [lake.table_version("news", table) for table in (DOCUMENTS, DOCUMENT_QUARANTINE)]


def _texts(lake):
    rows = lake.read_rows("news", DOCUMENTS)
    return dict(zip(rows["document_id"], rows["text"], strict=True))


def test_ingest_documents_stores_and_declares(lake, folder, ingest):
    _write(folder / "a.csv", "1,2024-01-02T09:30:00+09:00,좋다 😀", "2,2024-01-03,so so")
    done: list[int] = []
    report = ingest(on_batch=done.append, language="ko")
    assert (report.read, report.new, report.quarantined) == (2, 2, 0)
    assert report.newest == datetime(2024, 1, 3, tzinfo=UTC)
    assert report.sentence == "2 documents read: 2 new, 0 changed, 0 new in quarantine"
    assert report.metrics["documents_new"] == 2
    assert done == [2]
    rows = lake.read_rows("news", DOCUMENTS)
    first = rows.iloc[0].to_dict()
    assert first.pop("time") == pd.Timestamp("2024-01-02 00:30", tz="UTC")
    assert pd.isna(first.pop("label"))
    assert first == {
        "document_id": "1",
        "series_ids": "",
        "source": "a.csv",
        "language": "ko",
        "title": "",
        "text": "좋다 😀",
        "ingest_id": "first",
    }
    assert list_datasets(lake) == ["news"]


def test_ingest_documents_twice_writes_nothing(lake, folder, ingest):
    _write(folder / "a.csv", "1,2024-01-02,x", "2,,y", "3,2024-01-02,z,z", "4,2030-01-01,far")
    first = ingest("first")
    assert first.rules == {"no_time": 1, "malformed": 1, "future_time": 1}
    assert (first.new, first.quarantined) == (1, 3)
    before = _versions(lake)
    second = ingest("second")
    assert (second.new, second.changed, second.unchanged) == (0, 0, 1)
    assert (second.quarantined, second.rules) == (0, first.rules)
    assert _versions(lake) == before
    held = list_document_quarantine(lake, "news", rule="no_time")
    assert held["row"].tolist() == [
        '{"file":"a.csv","document_id":"2","source":"a.csv","text":"y"}'
    ]
    assert len(list_document_quarantine(lake, "news")) == 3
    with pytest.raises(LakeError, match="rule='no_text'"):
        list_document_quarantine(lake, "news", rule="no_text")


def test_ingest_documents_of_a_growing_folder_stores_what_is_new(lake, folder, ingest):
    _write(folder / "a.csv", "1,2024-01-02,x")
    ingest("first")
    _write(folder / "a.csv", "1,2024-01-02,x", "2,2024-01-03,y")
    _write(folder / "b.csv", "3,2024-01-04,z", "1,2024-01-02,corrected")
    report = ingest("second")
    assert (report.read, report.new, report.changed, report.repeated) == (4, 2, 1, 1)
    assert _texts(lake) == {"1": "corrected", "2": "y", "3": "z"}
    rows = lake.read_rows("news", DOCUMENTS).set_index("document_id")
    assert rows["ingest_id"].to_dict() == {"1": "second", "2": "second", "3": "second"}
    (folder / "a.csv").unlink()
    ingest("third")
    assert set(_texts(lake)) == {"1", "2", "3"}


@pytest.mark.parametrize("batch_rows", [20_000, 1])
def test_ingest_documents_of_one_id_counts_the_newest_then_the_last(
    lake, folder, ingest, monkeypatch, batch_rows
):
    monkeypatch.setattr(document_readers, "BATCH_ROWS", batch_rows)
    monkeypatch.setattr(document_batches, "BATCH_ROWS", batch_rows)
    _write(folder / "a.csv", "1,2024-01-03,newest", "2,2024-01-02,first", "1,2024-01-02,old")
    _write(folder / "b.csv", "2,2024-01-02,last", "1,2024-01-01,older", "1,2025-01-01,not yet")
    report = ingest("first")
    assert _texts(lake) == {"1": "newest", "2": "last"}
    assert (report.new, report.changed, report.repeated) == (2, 0, 3)
    before = _versions(lake)
    assert ingest("second").unchanged == 2
    assert _versions(lake) == before


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_ingest_documents_says_the_same_of_every_format(tmp_path, folder, ingest, form):
    frame = pd.DataFrame(
        {"id": ["1", "2"], "time": ["2024-01-02T00:00:00Z"] * 2, "text": ["가,\n나", "x" * 10_000]}
    )
    path = folder / f"a.{form}"
    if form == "csv":
        frame.to_csv(path, index=False)
    elif form == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    lake = Lake(str(tmp_path / form))
    ingest(into=lake, source_column="text")
    assert _texts(lake) == {"1": "가,\n나", "2": "x" * 10_000}


def test_ingest_documents_keeps_rows_beside_broken_bytes(lake, folder, ingest):
    lines = [b"id,time,text", "1,2024-01-02,한글".encode()]
    lines += ["2,2024-01-02,한글".encode("cp949"), "3,2024-01-02,끝 \ufffd".encode()]
    (folder / "a.csv").write_bytes(b"\n".join(lines))
    report = ingest()
    assert report.rules == {"broken_encoding": 1}
    assert _texts(lake) == {"1": "한글", "3": "끝 \ufffd"}


def test_ingest_documents_counts_every_line_of_a_corpus(lake, folder, ingest):
    (folder / "Korean.txt").write_text("Ahn\nBaik\nAhn\n", encoding="utf-8")
    (folder / "Chinese.txt").write_text("Ahn\n", encoding="utf-8")
    report = ingest("first", label_from_file=True)
    assert (report.new, report.repeated) == (4, 0)
    rows = lake.read_rows("news", DOCUMENTS)
    assert sorted(zip(rows["label"], rows["text"], strict=True)) == [
        ("Chinese", "Ahn"),
        ("Korean", "Ahn"),
        ("Korean", "Ahn"),
        ("Korean", "Baik"),
    ]
    assert ingest("second", label_from_file=True).unchanged == 4
    (folder / "Korean.txt").write_text("Choi\nAhn\nBaik\nAhn\n", encoding="utf-8")
    report = ingest("third", label_from_file=True)
    assert (report.new, report.unchanged) == (1, 4)


def test_ingest_documents_killed_between_batches_ends_in_the_same_table(
    tmp_path, lake, folder, ingest, monkeypatch
):
    monkeypatch.setattr(document_readers, "BATCH_ROWS", 2)
    monkeypatch.setattr(document_batches, "BATCH_ROWS", 2)
    bad = ["9,,no time", "x"]
    _write(folder / "a.csv", *(f"{i},2024-01-02,t{i}" for i in range(5)), *bad)
    whole = Lake(str(tmp_path / "whole"))
    assert ingest("i", into=whole).new == 5

    class Death(BaseException):
        pass

    def die_after(rows):
        def on_batch(done):
            if done >= rows:
                raise Death

        return on_batch

    for stored in (2, 4):
        with pytest.raises(Death):
            ingest("i", on_batch=die_after(stored))
        assert len(_texts(lake)) == stored
    ingest("i")
    for table in (DOCUMENTS, DOCUMENT_QUARANTINE):
        assert table_checksum(lake, "news", table) == table_checksum(whole, "news", table)


def test_ingest_documents_killed_between_quarantine_and_merge_loses_nothing(
    lake, folder, ingest, monkeypatch
):
    _write(folder / "a.csv", "1,2024-01-02,x", "2,,y")
    merge = Lake.merge_rows

    def mortal(self, dataset, table, rows, **more):
        if table is DOCUMENTS:
            raise KeyboardInterrupt
        return merge(self, dataset, table, rows, **more)

    with monkeypatch.context() as patch:
        patch.setattr(documents_module.Lake, "merge_rows", mortal)
        with pytest.raises(KeyboardInterrupt):
            ingest("first")
    report = ingest("again")
    assert (report.new, report.quarantined) == (1, 0)
    assert _texts(lake) == {"1": "x"}
    assert len(list_document_quarantine(lake, "news")) == 1


def test_ingest_documents_stores_the_others_where_a_file_fails(lake, folder, ingest):
    _write(folder / "a.csv", "1,2024-01-02,x")
    (folder / "b.parquet").write_bytes(b"PAR1 half written")
    report = ingest()
    assert set(report.failures) == {"b.parquet"}
    assert "1 files failed: b.parquet" in report.sentence
    assert _texts(lake) == {"1": "x"}
    (folder / "a.csv").write_text("nr,time\n1,2024-01-02\n", encoding="utf-8")
    with pytest.raises(SourceError, match="none of 2 files can be read; the first"):
        ingest()


def test_ingest_documents_does_not_count_what_a_file_said_before_it_failed(
    lake, folder, ingest, monkeypatch
):
    monkeypatch.setattr(document_readers, "BATCH_ROWS", 1)
    _write(folder / "a.csv", "1,2024-01-02,x", "2,2024-01-02,y")
    _write(folder / "b.csv", "1,2024-01-03,newer", '3,2024-01-03,"open', "2,2024-01-03,inside")
    report = ingest()
    assert set(report.failures) == {"b.csv"}
    assert (report.read, report.new, report.repeated) == (2, 2, 0)
    assert _texts(lake) == {"1": "x", "2": "y"}


def test_ingest_documents_says_so_where_nothing_can_be_stored(lake, folder, ingest):
    _write(folder / "a.csv", "1,Tuesday,x", "2,Friday,y")
    with pytest.raises(SourceError, match=r"none of the 2 documents .* \(no_time 2: the time"):
        ingest()
    assert len(list_document_quarantine(lake, "news")) == 2
