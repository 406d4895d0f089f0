"""One file of documents in, rows as text out, a bounded number at a time.

A byte that is no UTF-8 comes out as a lone surrogate, so that the row can be told from the others
and its bytes are not lost.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines_lib.errors import SourceError, shown

BATCH_ROWS = 20_000
"""Rows of a file in memory at a time."""

MAX_FIELD = 16 * 2**20
"""Characters of a field of CSV; a longer one is a quote that never closes, not a text."""

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "lines",
}
"""What `file_format=auto` takes a file for, by its ending."""

FIELD_OF_ROLE = {
    "document_id": "id_column",
    "time": "time_column",
    "series_ids": "series_column",
    "source": "source_column",
    "language": "language_column",
    "title": "title_column",
    "text": "text_column",
    "label": "label_column",
}
"""The parameter that names the column of each part of a document."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    `rows` has a column for each role asked for, and `row`, its number in the file from 0, rows
    that are malformed counted; values are text as object, or times where Parquet has times.
    `malformed` has what stands where no row can be made out.
    """

    rows: pd.DataFrame
    malformed: list[dict[str, object]] = field(default_factory=list)


def read_chunks(path: Path, headers: Mapping[str, str], file_format: str) -> Iterator[Chunk]:
    """Read a file; blank lines are no rows.

    Args:
        path: The file.
        headers: The column of each role that is wanted; `lines` have `text` alone.
        file_format: csv, tsv, jsonl, parquet or lines.

    Raises:
        SourceError: The file cannot be read, or lacks a column.
    """
    try:
        if file_format == "parquet":
            yield from _read_parquet(path, headers)
            return
        # Of the line ends, csv must see all, that it may tell a quoted one; for the others a
        # lone carriage return is text.
        newline = "" if file_format == "csv" else "\n"
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline) as lines:
            match file_format:
                case "csv":
                    yield from _read_fields(path, _split_csv(path, lines), headers)
                case "tsv":
                    rows = (line.split("\t") if line else [] for line in _strip(lines))
                    yield from _read_fields(path, rows, headers)
                case "jsonl":
                    yield from _read_json(path, lines, headers)
                case _:
                    yield from _read_lines(lines)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"{path} cannot be read ({error}): write it again, or remove it",
            transient=True,  # it may be half written
        ) from error


def _strip(lines: TextIO) -> Iterator[str]:
    return (line.removesuffix("\n").removesuffix("\r") for line in lines)


def _split_csv(path: Path, lines: TextIO) -> Iterator[list[str]]:
    """Yield the fields of each row.

    Raises:
        SourceError: A quote never closes. What follows it is inside or outside of a text, none can
            tell: to go on would take lines of a text for rows.
    """
    csv.field_size_limit(MAX_FIELD)  # of the whole process; its 131,072 are less than a filing
    ended = False

    def until_the_end() -> Iterator[str]:
        nonlocal ended
        yield from lines
        ended = True

    reader = csv.reader(until_the_end())
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise SourceError(_unclosed(path, line, str(error))) from error
        if row is None:
            return
        if ended:  # a row ends with its line, unless a quote is open
            why = "the file ends inside a quote"
            raise SourceError(_unclosed(path, line, why), transient=True)  # may be half written
        yield row


def _unclosed(path: Path, line: int, why: str) -> str:
    return (
        f"{path} cannot be read from line {line} on ({why}): close the quote that the row there "
        "opens, or double it where it is part of the text"
    )


def _read_fields(
    path: Path, rows: Iterator[list[str]], headers: Mapping[str, str]
) -> Iterator[Chunk]:
    filled = (row for row in rows if row)
    first = next(filled, None)
    if first is None:
        return
    names = [name.strip() for name in first]
    _refuse_missing(path, headers, names)
    at = {role: names.index(header) for role, header in headers.items()}
    begin = 0
    while taken := list(islice(filled, BATCH_ROWS)):
        whole = [len(row) == len(names) for row in taken]
        good = np.flatnonzero(whole)
        columns = {role: [taken[i][k] for i in good] for role, k in at.items()}
        malformed: list[dict[str, object]] = [
            {"fields": row} for row, is_whole in zip(taken, whole, strict=True) if not is_whole
        ]
        yield _make_chunk(columns, begin + good, malformed)
        begin += len(taken)


def _read_json(path: Path, lines: TextIO, headers: Mapping[str, str]) -> Iterator[Chunk]:
    begin, checked = 0, False
    stripped = (line for line in _strip(lines) if line.strip())
    while taken := list(islice(stripped, BATCH_ROWS)):
        rows = [_parse_object(line) for line in taken]
        good = np.flatnonzero([row is not None for row in rows])
        objects = [row for row in rows if row is not None]
        if objects and not checked:
            _refuse_missing(path, headers, list(dict.fromkeys(k for row in objects for k in row)))
            checked = True
        columns = {
            role: [_as_text(row.get(header), _between(role)) for row in objects]
            for role, header in headers.items()
        }
        malformed: list[dict[str, object]] = [
            {"line": line} for line, row in zip(taken, rows, strict=True) if row is None
        ]
        yield _make_chunk(columns, begin + good, malformed)
        begin += len(taken)


def _parse_object(line: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _between(role: str) -> str:
    """Return what stands between the parts of a list: the id of a series may have blanks."""
    return "," if role == "series_ids" else " "


def _as_text(value: object, between: str) -> str:
    """Return a value of JSON as text: nothing for null, the parts of a list joined."""
    match value:
        case None:
            return ""
        case str():
            return value
        case list():
            return between.join(_as_text(part, between) for part in value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _read_lines(lines: TextIO) -> Iterator[Chunk]:
    stripped = (line for line in _strip(lines) if line.strip())
    begin = 0
    while taken := list(islice(stripped, BATCH_ROWS)):
        yield _make_chunk({"text": taken}, begin + np.arange(len(taken)), [])
        begin += len(taken)


def _read_parquet(path: Path, headers: Mapping[str, str]) -> Iterator[Chunk]:
    begin = 0
    with pq.ParquetFile(path) as file:
        _refuse_missing(path, headers, file.schema_arrow.names)
        wanted = list(dict.fromkeys(headers.values()))
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
            columns = {
                role: _as_texts(batch.column(header), _between(role))
                for role, header in headers.items()
            }
            yield _make_chunk(columns, begin + np.arange(batch.num_rows), [])
            begin += batch.num_rows


def _as_texts(column: pa.Array, between: str) -> list[str] | pd.Series:
    """Return a column as texts, nothing for null; one of times as times."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_texts(column.dictionary_decode(), between)
    if pa.types.is_temporal(kind):
        return column.to_pandas()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [
            between.join(_as_text(part, between) for part in v or []) for v in column.to_pylist()
        ]
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        column = column.cast(pa.large_string())
    raw = column.cast(pa.large_binary()).to_pylist()
    return [(value or b"").decode("utf-8", "surrogateescape") for value in raw]


def _make_chunk(
    columns: Mapping[str, object], rows: np.ndarray, malformed: list[dict[str, object]]
) -> Chunk:
    made = {
        role: values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
        for role, values in columns.items()
    }
    return Chunk(pd.DataFrame(made | {"row": pd.Series(rows, dtype="int64")}), malformed)


def _refuse_missing(path: Path, headers: Mapping[str, str], names: Sequence[str]) -> None:
    for role, header in headers.items():
        if header not in names:
            raise SourceError(
                f"{path} has no column {header!r} (it has {shown(names, 20)}): correct "
                f"documents.{FIELD_OF_ROLE[role]}"
            )
