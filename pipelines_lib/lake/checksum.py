"""A fingerprint of what a table says, whoever wrote it and however its files lie."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines_lib.lake.arrow import encode_text, key_codes
from pipelines_lib.lake.store import Lake
from pipelines_lib.tables import Table


def table_checksum(lake: Lake, dataset: str, table: Table, *, version: int | None = None) -> str:
    """Return the sha256 of a table's keys and facts in key order, without its provenance.

    A table that does not exist yet has that of an empty one.

    Args:
        lake: Where the table lies.
        dataset: Name of the dataset.
        table: Its declaration.
        version: Table version to read; None: newest.
    """
    rows = lake.read_table(dataset, table, columns=[*table.key, *table.facts], version=version)
    codes = key_codes(rows.select(table.key))
    order = None if (codes[1:] > codes[:-1]).all() else np.argsort(codes)
    digest = hashlib.sha256(f"{table.name} {rows.num_rows}\n".encode())
    for name in rows.column_names:
        parts, texts = _column_parts(rows[name])
        digest.update(f"{name} {table.schema.field(name).type} {len(texts)}\n".encode())
        for part in parts:
            digest.update(np.ascontiguousarray(part if order is None else part[order]).data)
        for text in texts:
            digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()


def _column_parts(column: pa.ChunkedArray) -> tuple[list[np.ndarray], list[str]]:
    """Return arrays in row order that say a column, null and 0 apart, and texts they number."""
    if not pa.types.is_primitive(column.type):
        codes, texts = encode_text(column)
        return [codes], texts
    valid = column.is_valid().to_numpy()
    if pa.types.is_floating(column.type):
        values = pc.fill_null(column, 0.0).to_numpy() + 0.0  # -0.0 is 0.0
        return [np.where(np.isnan(values), np.nan, values), valid], []
    return [pc.fill_null(column.cast(pa.int64()), 0).to_numpy(), valid], []
