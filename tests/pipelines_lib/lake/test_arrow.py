import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines_lib.errors import LakeError
from pipelines_lib.lake import MergeCounts, encode_text
from pipelines_lib.lake.arrow import key_codes, to_arrow
from pipelines_lib.tables import SCORES


@pytest.fixture
def arrow(rows, observations):
    """Return a factory: the rows of `rows` as Arrow."""
    return lambda *triples: to_arrow(rows(*triples), observations).drop_columns(["year"])


def test_merge_rows_of_arrow_is_that_of_pandas(lake, observations, rows, arrow):
    triples = [("B", "2024-01-02", 1.0), ("A", "2023-12-29", None), ("A", "2023-12-28", 3.0)]
    assert lake.merge_rows("d", observations, arrow(*triples)) == MergeCounts(inserted=3)
    assert lake.merge_rows("d", observations, rows(*triples)) == MergeCounts(unchanged=3)
    assert lake.merge_rows("d", observations, arrow(*triples)) == MergeCounts(unchanged=3)
    lake.merge_rows("e", observations, rows(*triples))
    pd.testing.assert_frame_equal(
        lake.read_rows("d", observations), lake.read_rows("e", observations)
    )


def test_merge_rows_of_arrow_takes_a_nan_for_a_null(lake, observations, arrow):
    missing = arrow(("A", "2024-01-02", None))
    lake.merge_rows("d", observations, missing)
    nan = missing.set_column(2, "value", pa.array([np.nan]))
    assert lake.merge_rows("d", observations, nan) == MergeCounts(unchanged=1)


def test_to_arrow_takes_other_arrow_types_of_text_and_time(observations, arrow):
    plain = arrow(("A", "2024-01-02", 1.0), ("B", "2023-01-02", 2.0))
    other = plain.set_column(0, "series_id", plain["series_id"].dictionary_encode())
    other = other.set_column(1, "time", plain["time"].cast(pa.timestamp("ns", "Asia/Seoul")))
    other = other.set_column(4, "ingest_id", plain["ingest_id"].cast(pa.string_view()))
    whole = to_arrow(other, observations)
    assert whole.select(plain.column_names) == plain
    assert whole["year"].to_pylist() == [2024, 2023]
    assert whole.schema.field("series_id") == observations.schema.field("series_id")


def test_to_arrow_sorts_by_key(observations, arrow):
    ordered = arrow(("A", "2023-01-02", 1.0), ("A", "2024-01-02", 2.0), ("B", "2022-01-02", 3.0))
    shuffled = ordered.take(pa.array([2, 0, 1]))
    assert to_arrow(shuffled, observations)["value"].to_pylist() == [1.0, 2.0, 3.0]


def test_to_arrow_refuses_a_null_or_repeated_key_of_arrow(observations, arrow):
    table = arrow(("A", "2024-01-02", 1.0), ("B", "2024-01-02", 2.0))
    with pytest.raises(LakeError, match=r"do not fit its schema: .*series_id .* 1 nulls"):
        to_arrow(table.set_column(0, "series_id", pa.array(["A", None])), observations)
    with pytest.raises(LakeError, match=r"key .*'B'.* more than once"):
        to_arrow(pa.concat_tables([table, table.slice(1)]), observations)


def test_to_arrow_fills_a_column_of_a_later_schema_with_null(score_rows):
    rows = score_rows(("A", "2024-01-02", "causal", 1.0)).drop(columns="stale")
    assert to_arrow(rows, SCORES)["stale"].to_pylist() == [None]
    assert to_arrow(rows, SCORES).column_names == [*SCORES.schema.names, "year"]


@pytest.mark.parametrize("type_", [pa.string(), pa.string_view(), pa.dictionary("int8", "string")])
def test_encode_text_numbers_the_sorted_texts(type_):
    column = pa.chunked_array([["b", "a"], [], [None, "c", "b"]], pa.string()).cast(type_)
    codes, texts = encode_text(column)
    assert texts == ["a", "b", "c"]
    assert codes.tolist() == [1, 0, -1, 2, 1]


def test_encode_text_of_nothing():
    codes, texts = encode_text(pa.chunked_array([[]], pa.string()))
    assert (codes.tolist(), texts) == ([], [])


def test_key_codes_order_as_the_keys_do_however_wide_they_are():
    far = [2**62, -(2**62), 0, 5, -(2**62), 2**62]
    name, near = list("babaab"), [1, 2, 3, 4, 5, 0]
    keys = pa.table({"name": name, "far": far, "near": near})
    expected = sorted(range(6), key=lambda row: (name[row], far[row], near[row]))
    assert np.argsort(key_codes(keys)).tolist() == expected
    twice = pa.concat_tables([keys, keys])
    assert len(np.unique(key_codes(twice))) == 6
