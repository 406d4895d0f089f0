"""Labelled documents as they come from the lake."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.sentiment.documents import join_texts, read_labelled
from pipelines_lib.tables import DOCUMENTS

MOMENT = datetime(2024, 5, 1, 6, 30, tzinfo=UTC)
ROWS = [
    ("c", "Title", "text", "positive"),
    ("a", "", "only text", "negative"),
    ("b", "Only title", "", "negative"),
    ("d", "", "of no class", None),
]


def make_rows(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["document_id", "title", "text", "label"])
    fixed = {"series_ids": "", "source": "made", "language": "en", "ingest_id": "i"}
    return frame.assign(time=MOMENT, **fixed)


def test_read_labelled_reads_documents_with_a_label_by_id(lake):
    lake.merge_rows("news", DOCUMENTS, make_rows(ROWS))
    texts = read_labelled(lake, "news")
    assert texts.document_id.tolist() == ["a", "b", "c"]
    assert texts.text.tolist() == ["only text", "Only title", "Title\ntext"]
    assert texts.label.tolist() == ["negative", "negative", "positive"]
    assert (texts.time == np.datetime64("2024-05-01T06:30")).all()
    assert texts.time.dtype == np.dtype("datetime64[us]")


def test_read_labelled_does_not_depend_on_the_order_of_files(lake):
    for row in ROWS:
        lake.merge_rows("one-by-one", DOCUMENTS, make_rows([row]))
    lake.merge_rows("at-once", DOCUMENTS, make_rows(ROWS))
    one, other = (read_labelled(lake, name) for name in ("one-by-one", "at-once"))
    assert one.document_id.tolist() == other.document_id.tolist()
    assert one.text.tolist() == other.text.tolist()


@pytest.mark.parametrize("rows", [[], [ROWS[3]]])
def test_read_labelled_of_nothing_is_empty(lake, rows):
    if rows:
        lake.merge_rows("news", DOCUMENTS, make_rows(rows))
    assert len(read_labelled(lake, "news")) == 0


def test_join_texts_takes_what_is_there():
    title = pd.Series(["T", "T", "", None])
    text = pd.Series(["x", None, "x", ""])
    assert join_texts(title, text).tolist() == ["T\nx", "T", "x", ""]


def test_take_keeps_the_fields_together(lake):
    lake.merge_rows("news", DOCUMENTS, make_rows(ROWS))
    texts = read_labelled(lake, "news").take(np.array([2, 0]))
    assert texts.document_id.tolist() == ["c", "a"]
    assert texts.label.tolist() == ["positive", "negative"]
