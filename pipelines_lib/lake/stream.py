"""Rows as a stream: Arrow tables of bounded size, never the whole table at once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
from deltalake import QueryBuilder

from pipelines_lib.errors import LakeError
from pipelines_lib.lake.place import Place
from pipelines_lib.lake.sql import conditions, quoted, select
from pipelines_lib.lake.stored import StoredTable
from pipelines_lib.tables import Table


class StreamedReads(Place):
    """Reads of a lake whose memory does not follow the table."""

    def stream_rows(
        self,
        dataset: str,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        batch_rows: int = 20_000,
        series_ids: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        equal: dict[str, str] | None = None,
        version: int | None = None,
    ) -> Iterator[pa.Table]:
        """Yield rows as Arrow, in no order, at most `batch_rows` at a time.

        All are of the version that is the newest when the first is asked for, whatever is written
        meanwhile; memory follows `batch_rows`, not the table. Arguments and errors are those of
        `read_rows`.
        """
        stored = self._open(dataset, table, version)
        if stored is None:
            return
        where = conditions(
            table, series_ids=series_ids, start=start, end=end, equal=equal, nulls=stored.nulls
        )
        names = list(columns or table.schema.names)
        yield from _stream(stored, names, where, schema=table.schema, batch_rows=batch_rows)

    def stream_missing(
        self,
        dataset: str,
        table: Table,
        *,
        lacks: Table,
        on: str | Sequence[str],
        equal: dict[str, str] | None = None,
        columns: Sequence[str] | None = None,
        batch_rows: int = 20_000,
    ) -> Iterator[pa.Table]:
        """Yield the rows that another table of the dataset lacks, as `stream_rows` does.

        Args:
            dataset: Name of the dataset.
            table: Where the rows are.
            lacks: Where they may be missing; a table that does not exist yet lacks all.
            on: The column, or columns, by which a row of `lacks` is the same.
            equal: Text columns of `lacks` and the value that its row must have.
            columns: Columns wanted, in this order; None: all declared.
            batch_rows: Rows at a time, at most.
        """
        stored, other = self._open(dataset, table), self._open(dataset, lacks)
        if stored is None:
            return
        beside = {} if other is None else {"others": other}
        where = [_not_in(name, found, lacks, on=on, equal=equal) for name, found in beside.items()]
        names = list(columns or table.schema.names)
        yield from _stream(
            stored, names, where, schema=table.schema, batch_rows=batch_rows, beside=beside
        )


def _stream(
    stored: StoredTable,
    columns: Sequence[str],
    where: list[str],
    *,
    schema: pa.Schema,
    batch_rows: int,
    beside: Mapping[str, StoredTable] | None = None,
) -> Iterator[pa.Table]:
    """Yield the rows that fulfil `where`, in no order, at most `batch_rows` at a time.

    Args:
        stored: The table, called `rows` in the conditions.
        columns: Columns wanted, in this order.
        where: Conditions, as SQL.
        schema: The declared types.
        batch_rows: Rows of a table, at most; all tables but the last have that many.
        beside: Other tables that the conditions speak of, by the name they have there.

    Raises:
        LakeError: The rows cannot be read.
    """
    query = select([quoted(name) for name in columns], where=where, nulls=stored.nulls)
    wanted = pa.schema([schema.field(name) for name in columns])
    kept, n_kept = [], 0
    try:
        engine = QueryBuilder().register("rows", stored.delta)
        for name, other in (beside or {}).items():
            engine = engine.register(name, other.delta)
        for batch in engine.execute(query):
            found = pa.table(batch).cast(wanted)
            while found.num_rows:
                part = found.slice(0, batch_rows - n_kept)
                found = found.slice(part.num_rows)
                kept.append(part)
                n_kept += part.num_rows
                if n_kept == batch_rows:
                    yield pa.concat_tables(kept)
                    kept, n_kept = [], 0
    except Exception as error:  # the engine raises no type of its own
        raise LakeError(
            f"cannot read version {stored.version} of {stored.delta.table_uri}: {error}; if "
            "its files went at maintenance, read a newer version"
        ) from error
    if kept:
        yield pa.concat_tables(kept)


def _not_in(
    name: str,
    other: StoredTable,
    table: Table,
    *,
    on: str | Sequence[str],
    equal: dict[str, str] | None,
) -> str:
    """Return the condition that no row of another table has the same values in the columns `on`.

    Only rows of the other table, registered as `name`, that are `equal` count.
    """
    columns = [on] if isinstance(on, str) else on
    same = [f"{quoted(name)}.{quoted(column)} = rows.{quoted(column)}" for column in columns]
    same += conditions(table, equal=equal, nulls=other.nulls)
    return f"NOT EXISTS (SELECT 1 FROM {quoted(name)} WHERE {' AND '.join(same)})"
