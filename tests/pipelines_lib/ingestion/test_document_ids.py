"""Ids of documents that come without one."""

import hashlib
from collections import Counter

import numpy as np
import pandas as pd

from pipelines_lib.ingestion.document_ids import Occurrences, make_content_ids, make_row_ids


def _rows(*documents, file="news.csv"):
    """Return rows in stored form; what a document does not say is the same in all."""
    whole = {"time": pd.Timestamp("2024-01-02", tz="UTC"), "source": file, "title": ""}
    whole |= {"text": "text", "label": None}
    return pd.DataFrame([whole | given for given in documents])


def _row_ids(*texts, file="news.csv", seen=None, **same):
    rows = _rows(*({"text": text} | same for text in texts), file=file)
    return make_row_ids(rows, file, seen or Occurrences())


def test_make_content_ids_are_of_time_source_title_and_text():
    same = {"title": "t", "text": "x", "source": "wire"}
    rows = _rows(same, same | {"label": "1"}, same | {"text": "y"})
    ids = make_content_ids(rows, "news.csv")
    expected = hashlib.sha256(b"2024-01-02T00:00:00Z\0wire\0t\0x").hexdigest()[:16]
    assert ids[:2] == [expected, expected]
    assert ids[2] != expected


def test_make_content_ids_of_a_document_in_two_files_are_one():
    monday, tuesday = "monday.csv", "tuesday.csv"
    first = make_content_ids(_rows({}, file=monday), monday)
    assert first == make_content_ids(_rows({}, file=tuesday), tuesday)


def test_make_row_ids_tell_equal_rows_of_a_file_and_of_two_files():
    ids = _row_ids("Ahn", "Ahn")
    assert len({*ids, *_row_ids("Ahn", "Ahn", file="other.csv")}) == 4
    assert ids == _row_ids("Ahn", "Ahn")
    assert not set(ids) & set(_row_ids("Ahn", "Ahn", label="1"))


def test_make_row_ids_do_not_go_by_where_a_row_stands():
    first, again, other = _row_ids("Ahn", "Ahn", "Baik")
    assert _row_ids("Baik", "Choi", "Ahn", "Ahn")[0] == other
    assert _row_ids("Choi", "Ahn", "Baik", "Ahn")[1::2] == [first, again]


def test_make_row_ids_are_the_same_in_chunks_of_any_length():
    texts = list("abacabadabacaba")
    whole, seen = _row_ids(*texts), Occurrences()
    parts = [_row_ids(*texts[i : i + 4], seen=seen) for i in range(0, len(texts), 4)]
    assert [name for part in parts for name in part] == whole
    assert len(set(whole)) == len(texts)


def test_occurrences_number_counts_on_over_many_chunks():
    rng, seen, counts = np.random.default_rng(0), Occurrences(), Counter()
    for _ in range(50):
        digests = rng.integers(0, 300, size=rng.integers(0, 20)).astype("uint64")
        expected = []
        for digest in digests:
            expected.append(counts[digest])
            counts[digest] += 1
        assert seen.number(digests).tolist() == expected
