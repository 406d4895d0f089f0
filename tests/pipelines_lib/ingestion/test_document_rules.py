"""The rules of documents: what each marks, what is kept as it came, what an id is made of."""

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from pipelines_lib.ingestion.document_ids import Occurrences
from pipelines_lib.ingestion.document_rules import DOCUMENT_RULES, MAX_ROW, check_documents
from pipelines_lib.sources.documents import ROLES, RawDocuments

AT = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def _raw(*documents, malformed=(), file="news.csv"):
    """Return raw rows; what a document does not say is a good value."""
    whole = {"document_id": "d", "time": "2024-01-02", "series_ids": "", "source": file}
    whole |= {"language": "ko", "title": "", "text": "text", "label": ""}
    rows = [whole | {"document_id": f"d{i}"} | given for i, given in enumerate(documents)]
    frame = pd.DataFrame(rows, columns=list(ROLES), dtype=object)
    return RawDocuments(file, frame.assign(row=range(len(rows))), list(malformed))


def _check(*documents, ids="given", **raw):
    return check_documents(_raw(*documents, **raw), ids=ids, at=AT, seen=Occurrences())


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"document_id": " "}, "no_id"),
        ({"time": ""}, "no_time"),
        ({"time": "yesterday"}, "no_time"),
        ({"time": "2024-03-01T12:05:01"}, "future_time"),
        ({"time": "2024-03-01T21:05:01+09:00"}, "future_time"),
        ({"text": " \n", "title": "\t"}, "no_text"),
        ({"text": "\0"}, "no_text"),
        ({"text": "\udcb0\udca1"}, "broken_encoding"),
        ({"text": "", "label": "\ud800"}, "broken_encoding"),
        ({"series_ids": "SYN001, -x"}, "bad_series"),
        ({"series_ids": "a" * 65}, "bad_series"),
        ({"document_id": "", "time": "", "text": ""}, "no_id"),
    ],
)
def test_check_documents_holds_what_breaks_a_rule_and_keeps_the_rest(given, rule):
    checked = _check({}, given, {})
    assert checked.good["document_id"].tolist() == ["d0", "d2"]
    assert checked.quarantined["rule"].tolist() == [rule]
    reasons = {known.name: known.reason for known in DOCUMENT_RULES}
    assert checked.quarantined["reason"].tolist() == [reasons[rule]]


@pytest.mark.parametrize(
    "given",
    [
        {"time": "2024-03-01T12:05:00"},
        {"text": "", "label": "1"},
        {"text": "", "title": "제목"},
        {"text": "NA"},
        {"text": "null 😀 \ufffd"},
        {"text": "가" * 10_000},
        {"series_ids": "KS11,^GSPC;005930"},
    ],
)
def test_check_documents_keeps(given):
    checked = _check(given)
    assert checked.quarantined.empty
    for role in given.keys() & {"text", "title", "label"}:
        assert checked.good[role].tolist() == [given[role]]


def test_check_documents_holds_malformed_rows_as_they_came():
    checked = _check(malformed=[{"fields": ["1", "쉼표, \udcb0"]}, {"line": "{"}])
    assert checked.quarantined["rule"].tolist() == ["malformed", "malformed"]
    first, second = checked.quarantined["row"]
    assert first == '{"file":"news.csv","fields":["1","쉼표, \\udcb0"]}'
    assert json.loads(second) == {"file": "news.csv", "line": "{"}
    assert checked.good.empty


def test_check_documents_tells_a_broken_row_so_that_its_bytes_can_be_had_back():
    (row,) = _check({"text": "a\udcb0\udca1", "label": "0"}).quarantined["row"]
    told = json.loads(row)
    assert told["text"].encode("utf-8", "surrogateescape") == b"a\xb0\xa1"
    assert told["label"] == "0"


def test_check_documents_cuts_a_long_row_and_says_so():
    (row,) = _check({"time": "", "text": '"' * 50_000}).quarantined["row"]
    assert len(row) <= MAX_ROW
    told = json.loads(row)
    assert told["text"].endswith('"... (50,000 characters)')
    assert told["document_id"] == "d0"


def test_check_documents_reads_times_in_utc_to_the_second():
    times = [
        "2024-01-02",
        "2024-01-02T09:00:59.999",
        "2024-01-02T09:00+09:00",
        "2024-01-01 19:00-05",
    ]
    good = _check(*({"time": time} for time in times)).good
    assert good["time"].dt.strftime("%Y-%m-%d %H:%M:%S.%f").tolist() == [
        "2024-01-02 00:00:00.000000",
        "2024-01-02 09:00:59.000000",
        "2024-01-02 00:00:00.000000",
        "2024-01-02 00:00:00.000000",
    ]
    assert str(good["time"].dtype) == "datetime64[us, UTC]"


def test_check_documents_splits_and_sorts_series():
    given = ["B,A", " A;B ,A\t005930\nsensor 1", "", " , ", "sensor 1", "sensor 2, sensor 1"]
    good = _check(*({"series_ids": text} for text in given)).good
    together = ["A,B", "005930,A,B,sensor 1", "", "", "sensor 1", "sensor 1,sensor 2"]
    assert good["series_ids"].tolist() == together


def test_check_documents_drops_nul_and_takes_an_empty_label_for_none():
    good = _check({"text": " a\0b ", "label": " 1 "}, {"label": ""}).good
    assert good["text"].tolist() == [" ab ", "text"]
    assert good["label"].tolist()[0] == "1"
    assert good["label"].isna().tolist() == [False, True]
