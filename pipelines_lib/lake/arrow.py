"""Rows as Arrow: checked against a declared table, in key order, and back to pandas."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines_lib.errors import LakeError
from pipelines_lib.tables import Table

CODE_LIMIT = 2**62


def to_arrow(rows: pd.DataFrame | pa.Table, table: Table) -> pa.Table:
    """Return rows with the declared columns and types, in key order, with their partition.

    A column that a later schema version added may be missing: it is null then.

    Raises:
        LakeError: A column is missing or of the wrong type, or a key is null or stands twice.
    """
    late = {column.name for column in table.columns if column.added_in > 1}
    given = rows.column_names if isinstance(rows, pa.Table) else list(rows.columns)
    missing = [name for name in table.schema.names if name not in given]
    required = [name for name in missing if name not in late]
    if required:
        raise LakeError(f"rows for {table.name} lack the columns {', '.join(required)}")
    schema = pa.schema([field for field in table.schema if field.name not in missing])
    try:
        arrow = _cast(rows, schema) if isinstance(rows, pa.Table) else _convert(rows, schema)
    except (ValueError, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        # ValueError: a null in the key, too
        raise LakeError(f"rows for {table.name} do not fit its schema: {error}") from error
    for name in missing:
        nulls = pa.nulls(arrow.num_rows, table.schema.field(name).type)
        arrow = arrow.append_column(table.schema.field(name), nulls)
    arrow = _in_key_order(arrow.select(table.schema.names), table)
    if table.by_year:
        arrow = arrow.append_column("year", _years(arrow["time"]))
    return arrow


def to_pandas(found: pa.Table) -> pd.DataFrame:
    """Return a frame whose text columns are `str`, with NaN for null."""
    return found.to_pandas(types_mapper={pa.string(): pd.StringDtype(na_value=float("nan"))}.get)


def encode_text(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Return each row's number in the sorted list of distinct texts (-1: null), and that list."""
    if len(column) == 0:
        return np.empty(0, dtype="int64"), []
    if pa.types.is_dictionary(column.type):
        encoded = column.unify_dictionaries()
    else:
        encoded = pc.dictionary_encode(column)  # one dictionary for all chunks
    texts = encoded.chunk(0).dictionary.cast(pa.string())
    order = pc.sort_indices(texts).to_numpy()
    numbers = [chunk.indices.fill_null(-1).to_numpy() for chunk in encoded.chunks]
    number = np.concatenate(numbers, dtype="int64")
    if (np.diff(order.astype("int64")) < 0).any():  # not in order of appearance
        rank = np.empty(len(texts) + 1, dtype="int64")
        rank[order] = np.arange(len(texts))
        rank[-1] = -1
        number = rank[number]
    return number, texts.take(pa.array(order)).to_pylist()


def key_codes(keys: pa.Table) -> np.ndarray:
    """Return a number a row (int64) that orders as the keys do and repeats only with them.

    One comparison of numbers a row instead of one of texts and times: sorting and the search for
    a repeated key cost a fraction of what they cost on the columns themselves.
    """
    codes, size = _ranks(keys.column(0))
    for column in keys.columns[1:]:
        ranks, count = _ranks(column)
        if size * count > CODE_LIMIT:
            codes, size = _dense(codes)
            ranks, count = _dense(ranks)
        codes = codes * count
        codes += ranks
        size *= count
    return codes


def _ranks(column: pa.ChunkedArray) -> tuple[np.ndarray, int]:
    if not (pa.types.is_integer(column.type) or pa.types.is_timestamp(column.type)):
        codes, texts = encode_text(column)
        return codes, max(len(texts), 1)
    values = column.cast(pa.int64()).to_numpy()
    if len(values) == 0:
        return values, 1
    low, high = int(values.min()), int(values.max())
    return _dense(values) if high - low >= CODE_LIMIT else (values - low, high - low + 1)


def _dense(codes: np.ndarray) -> tuple[np.ndarray, int]:
    distinct, dense = np.unique(codes, return_inverse=True)
    return dense.astype("int64"), max(len(distinct), 1)


def _convert(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    declared = rows[schema.names]
    zoned = declared.select_dtypes("datetimetz").columns
    declared = declared.assign(**{name: declared[name].dt.tz_convert(None) for name in zoned})
    arrow = pa.Table.from_pandas(declared, schema=schema, preserve_index=False)
    return arrow.replace_schema_metadata(None)


def _years(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the year of each time, worked out once for each distinct time."""
    chunks = pc.dictionary_encode(times).chunks
    years = [pc.year(chunk.dictionary).cast(pa.int32()).take(chunk.indices) for chunk in chunks]
    return pa.chunked_array(years, pa.int32())


def _cast(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    arrow = rows.select(schema.names)
    for number, field in enumerate(schema):
        column = arrow.column(number).cast(field.type)
        if not field.nullable and column.null_count:
            raise ValueError(f"column {field.name} of the key has {column.null_count} nulls")
        if pa.types.is_floating(field.type) and pc.any(pc.is_nan(column)).as_py():
            # as from pandas: else a NaN and a null would be two values of one fact
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, field.type), column)
        if column is not arrow.column(number) or arrow.schema.field(number) != field:
            arrow = arrow.set_column(number, field, column)
    return arrow.replace_schema_metadata(None)


def _in_key_order(rows: pa.Table, table: Table) -> pa.Table:
    codes = key_codes(rows.select(table.key))
    if (codes[1:] > codes[:-1]).all():
        return rows
    order = np.argsort(codes)
    codes = codes[order]
    repeated = np.flatnonzero(codes[1:] == codes[:-1])
    if len(repeated):
        key = rows.select(table.key).slice(int(order[repeated[0]]), 1).to_pylist()[0]
        raise LakeError(f"rows for {table.name} hold the key {key} more than once")
    return rows.take(pa.array(order))
