"""One CSV, Parquet or npz file in, raw rows out; only columns that are needed are read."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.sources.headers import Layout, find_layout
from pipelines_lib.sources.labels import LABELLED, parse_labels
from pipelines_lib.sources.npz import read_arrays
from pipelines_lib.sources.rows import parse_numbers, parse_times

ENCODINGS = ("utf-8-sig", "cp949")
"""Tried in this order; the exchange's own CSV downloads are in the second."""
NO_NUMBER = ["", "-", "NA", "N/A", "NaN", "nan", "null", "None"]


def read_rows(path: Path, dataset: DatasetConfig) -> pd.DataFrame:
    """Read one file: `series_id` (a categorical), `time` and the value columns, as they stand.

    Where the file marks anomalous steps, the column LABELLED (bool) holds the marks.

    Raises:
        SourceError: The file cannot be read, lacks a column, or holds no readable time at all.
    """
    if path.suffix.lower() == ".npz":
        return read_arrays(path, dataset)
    try:
        read = _read_parquet if path.suffix.lower() == ".parquet" else _read_csv
        table, layout = read(path, dataset)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SourceError(
            f"{path} cannot be read ({error}): write it again as CSV or Parquet, or remove it",
            transient=True,  # it may be half written
        ) from error
    times = parse_times(table[layout.time], time_format=dataset.source.time_format)
    if len(times) and times.isna().all():
        sample = table[layout.time].iloc[0]
        raise SourceError(
            f"{path}: no time in column {layout.time!r} can be read, the first is {sample!r}: "
            "give its format in source.time_format, e.g. %d.%m.%Y"
        )
    rows = {"series_id": _series_ids(path, table, layout), "time": times}
    rows |= {ours: parse_numbers(table[theirs]) for ours, theirs in layout.values.items()}
    if layout.label:
        rows[LABELLED] = parse_labels(table[layout.label], place=f"{path}: {layout.label}")
    return pd.DataFrame(rows)


def _read_parquet(path: Path, dataset: DatasetConfig) -> tuple[pd.DataFrame, Layout]:
    layout = find_layout(path, pq.read_schema(path).names, dataset)
    table = pq.ParquetFile(path).read(columns=layout.headers)
    if layout.series:
        at = table.column_names.index(layout.series)
        names = table.column(at).cast(pa.string()).dictionary_encode()
        table = table.set_column(at, layout.series, names)
    return table.to_pandas(ignore_metadata=True, self_destruct=True), layout


def _read_csv(path: Path, dataset: DatasetConfig) -> tuple[pd.DataFrame, Layout]:
    for encoding in ENCODINGS[:-1]:
        try:
            return _read_csv_as(encoding, path, dataset)
        except UnicodeDecodeError:
            continue
    return _read_csv_as(ENCODINGS[-1], path, dataset)


def _read_csv_as(encoding: str, path: Path, dataset: DatasetConfig) -> tuple[pd.DataFrame, Layout]:
    headers = pd.read_csv(path, nrows=0, encoding=encoding).columns
    layout = find_layout(path, list(headers), dataset)
    table = pd.read_csv(
        path,
        usecols=layout.headers,
        dtype=dict.fromkeys(layout.text, "str"),
        keep_default_na=False,
        na_values={theirs: NO_NUMBER for theirs in layout.values.values()},
        encoding=encoding,
        index_col=False,
        low_memory=False,
    )
    return table, layout


def _series_ids(path: Path, table: pd.DataFrame, layout: Layout) -> pd.Series:
    if layout.series is None:
        return pd.Series(pd.Categorical([path.stem] * len(table)))
    ids = table[layout.series].astype("category")
    names = ids.cat.categories.astype("str").str.strip()
    unnamed = int(ids.isna().sum() + ids.isin(ids.cat.categories[names == ""]).sum())
    if unnamed:
        raise SourceError(
            f"{path}: {unnamed} rows name no series in column {layout.series!r}: "
            "fill it or delete these rows"
        )
    if names.is_unique:
        return ids.cat.rename_categories(list(names))
    return ids.astype("str").str.strip().astype("category")
