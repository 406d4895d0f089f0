"""The lake: one folder a dataset, one Delta table in it for each declared table.

Every write is one transaction, by key: a row that is there already changes nothing, and a merge in
which nothing changed makes no new table version.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
from deltalake import CommitProperties, QueryBuilder, write_deltalake

from pipelines_lib.errors import LakeError
from pipelines_lib.lake.arrow import to_arrow, to_pandas
from pipelines_lib.lake.commit import commit
from pipelines_lib.lake.merge import FILES, MergeCounts, merge_into
from pipelines_lib.lake.place import ROOT
from pipelines_lib.lake.sql import conditions, is_one_of, literal, moment, quoted, select
from pipelines_lib.lake.stored import StoredTable, describe, upgrade
from pipelines_lib.lake.stream import StreamedReads
from pipelines_lib.tables import TEXT, Column, Table

Result = TypeVar("Result")

PROBE = Column("name", TEXT, "always the same")


class Lake(StreamedReads):
    """A folder or object-store prefix that holds the tables."""

    # --- writing -------------------------------------------------------------------------------

    def merge_rows(
        self,
        dataset: str,
        table: Table,
        rows: pd.DataFrame | pa.Table,
        *,
        gone: pd.DataFrame | None = None,
    ) -> MergeCounts:
        """Insert rows whose key is new, update rows whose facts differ, leave the rest alone.

        Args:
            dataset: Name of the dataset, created at its first row.
            table: The declared table; `rows` has its columns, others are dropped. A column that a
                later schema version added may be missing: it is null then.
            rows: At most one row a key. Rows in key order are written fastest.
            gone: Keys of stored rows that are deleted in the same transaction; none of `rows`.

        Raises:
            LakeError: A column is missing or of the wrong type, a key is null or stands twice,
                the table was written by a newer version, or the place cannot be written.
        """
        return self._merge(dataset, table, rows, gone=gone)

    def insert_rows(self, dataset: str, table: Table, rows: pd.DataFrame | pa.Table) -> MergeCounts:
        """Insert rows whose key is new; a stored row stays as it is, whatever is told of its key.

        Of writers at once the first one counts. Errors are those of `merge_rows`.
        """
        return self._merge(dataset, table, rows, update=False)

    def replace_rows(
        self,
        dataset: str,
        table: Table,
        rows: pd.DataFrame | pa.Table,
        *,
        scope: Mapping[str, str],
    ) -> MergeCounts:
        """Merge `rows`, and delete stored rows within `scope` whose key is not among them.

        `scope` maps columns to the text they must equal. Rows outside of it are merged as by
        `merge_rows`. It is one transaction.
        """
        clauses = [is_one_of(f"t.{name}", wanted) for name, wanted in scope.items()]
        return self._merge(dataset, table, rows, delete_scope=" AND ".join(clauses))

    def mark_stale(
        self,
        dataset: str,
        table: Table,
        since: Mapping[str, datetime],
        *,
        by: str,
        ingest_id: str,
    ) -> int:
        """Set `stale` to an ingest in the valid rows of some series, and count them.

        `since` has the first time, inclusive, of each series, and `by` names the column of times.
        """
        series_of: dict[datetime, list[str]] = {}
        for name, time in since.items():
            series_of.setdefault(time, []).append(name)
        spans = [
            f"({is_one_of('series_id', names)} AND {quoted(by)} >= {moment(time)})"
            for time, names in series_of.items()
        ]
        where = [f"({' OR '.join(spans) or 'FALSE'})", "stale IS NULL"]

        def write(stored: StoredTable | None) -> int:
            if stored is None or not self._query(stored, ["1"], where, " LIMIT 1").num_rows:
                return 0
            upgrade(stored, table)
            done = stored.delta.update(
                updates={"stale": literal(ingest_id)},
                predicate=" AND ".join(where),
                writer_properties=FILES,
            )
            return int(done["num_updated_rows"])

        return self._commit(dataset, table, write, f"what is stale of {len(since)} series")

    def _merge(
        self,
        dataset: str,
        table: Table,
        rows: pd.DataFrame | pa.Table,
        *,
        delete_scope: str | None = None,
        gone: pd.DataFrame | None = None,
        update: bool = True,
    ) -> MergeCounts:
        source = to_arrow(rows, table)
        keys = None
        if gone is not None and len(gone):
            keys = to_arrow(gone[list(table.key)].reindex(columns=table.schema.names), table)

        def write(stored: StoredTable | None) -> MergeCounts:
            nothing_goes = stored is None or (delete_scope is None and keys is None)
            if source.num_rows == 0 and nothing_goes:
                return MergeCounts()
            if stored is None:
                return self._create(dataset, table, source)
            upgrade(stored, table)
            return merge_into(
                stored.delta, table, source, delete_scope=delete_scope, gone=keys, update=update
            )

        return self._commit(dataset, table, write, f"{source.num_rows} rows")

    def _create(self, dataset: str, table: Table, source: pa.Table) -> MergeCounts:
        """Make the table with its first rows, in one commit: nobody sees it empty."""
        write_deltalake(
            self._location(dataset, table),
            source,
            partition_by=["year"] if table.by_year else None,
            mode="error",
            name=table.name,
            description=describe(table),
            writer_properties=FILES,
            # A repeated commit would add the rows to a table that another writer made meanwhile.
            commit_properties=CommitProperties(max_commit_retries=0),
        )
        return MergeCounts(inserted=source.num_rows)

    # --- reading -------------------------------------------------------------------------------

    def read_rows(
        self,
        dataset: str,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        series_ids: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        equal: dict[str, str] | None = None,
        moments: Mapping[str, datetime] | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """Read rows in key order; a table that does not exist yet has none.

        Args:
            dataset: Name of the dataset.
            table: The declared table.
            columns: Columns wanted, in this order; None: all declared.
            series_ids: Series wanted; None: all.
            start: First time, inclusive.
            end: Last time, inclusive.
            equal: Text columns and the value that they must have.
            moments: Columns of times and the time that they must have.
            version: Table version to read; None: newest.

        Raises:
            LakeError: The version does not exist, or was written by a newer Tidewatch.
        """
        only = {
            "series_ids": series_ids,
            "start": start,
            "end": end,
            "equal": equal,
            "moments": moments,
        }
        found = self._read(dataset, table, columns, only, version, ordered=True)
        return to_pandas(found.cast(pa.schema([table.schema.field(n) for n in found.column_names])))

    def read_table(
        self,
        dataset: str,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        series_ids: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        equal: dict[str, str] | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Read rows as Arrow, in no order: the fast way to many rows.

        Arguments and errors are those of `read_rows`. Text comes as the engine holds it, as
        string views where the table exists.
        """
        only = {"series_ids": series_ids, "start": start, "end": end, "equal": equal}
        return self._read(dataset, table, columns, only, version, ordered=False)

    def _read(
        self,
        dataset: str,
        table: Table,
        columns: Sequence[str] | None,
        only: dict[str, Any],
        version: int | None,
        *,
        ordered: bool,
    ) -> pa.Table:
        names = list(columns or table.schema.names)
        stored = self._open(dataset, table, version)
        if stored is None:
            return table.schema.empty_table().select(names)
        where = conditions(table, **only, nulls=stored.nulls)
        order = " ORDER BY " + ", ".join(quoted(name) for name in table.key) if ordered else ""
        return self._query(stored, [quoted(name) for name in names], where, order)

    def count_rows(
        self,
        dataset: str,
        table: Table,
        *,
        by: str = "series_id",
        having: str | None = None,
        equal: dict[str, str] | None = None,
    ) -> pd.Series:
        """Count rows by the values of a text column, null left out; an empty table has none.

        `having` names a column: only rows where it is not null count.
        """
        counted = "count(*)" if having is None else f"count({quoted(having)})"
        return self._by(dataset, table, by, counted, equal).astype("int64")

    def sum_rows(self, dataset: str, table: Table, column: str, *, by: str) -> pd.Series:
        """Sum a column of counts by the values of a text column; an empty table has none."""
        return self._by(dataset, table, by, f"sum({quoted(column)})", None).astype("int64")

    def last_times(
        self,
        dataset: str,
        table: Table,
        *,
        column: str = "time",
        by: str = "series_id",
        equal: dict[str, str],
    ) -> pd.Series:
        """Return the newest time of each series, or by another text column, indexed by it."""
        return self._by(dataset, table, by, f"max({quoted(column)})", equal)

    def _by(
        self, dataset: str, table: Table, by: str, value: str, equal: dict[str, str] | None
    ) -> pd.Series:
        stored = self._open(dataset, table)
        if stored is None:
            return pd.Series(dtype="object", index=pd.Index([], dtype=object, name=by))
        where = [f"{quoted(by)} IS NOT NULL", *conditions(table, equal=equal, nulls=stored.nulls)]
        what = [f"{quoted(by)} AS name", f"{value} AS value"]
        found = self._query(stored, what, where, " GROUP BY 1 ORDER BY 1")
        frame = found.set_column(0, "name", found["name"].cast(pa.string())).to_pandas()
        return frame.set_index("name")["value"].rename_axis(by)

    def table_version(self, dataset: str, table: Table) -> int | None:
        """Return the newest version of a table, None if it does not exist yet."""
        stored = self._open(dataset, table)
        return None if stored is None else stored.version

    def _query(
        self, stored: StoredTable, what: list[str], where: list[str], tail: str = ""
    ) -> pa.Table:
        query = select(what, where=where, nulls=stored.nulls, tail=tail)
        try:
            found = QueryBuilder().register("rows", stored.delta).execute(query)
            return pa.table(found.read_all())
        except Exception as error:  # the engine raises no type of its own
            raise LakeError(
                f"cannot read version {stored.version} of {stored.delta.table_uri}: {error}; if "
                "its files went at maintenance, read a newer version"
            ) from error

    # --- upkeep --------------------------------------------------------------------------------

    def compact(self, dataset: str, table: Table, *, keep_hours: int) -> dict[str, int]:
        """Join small files, sorted by key, and drop files unused for `keep_hours`.

        Rows stay as they are; table versions older than `keep_hours` can no longer be read.

        Returns:
            Counts of files: `before`, `after`, and `dropped` from disk.
        """

        def write(stored: StoredTable | None) -> dict[str, int]:
            if stored is None:
                return {"before": 0, "after": 0, "dropped": 0}
            delta = stored.delta
            before = len(delta.file_uris())
            parts = len(delta.partitions()) if table.by_year else 1
            if before > parts:
                delta.optimize.z_order(list(table.key[:2]), writer_properties=FILES)
            dropped = delta.vacuum(
                retention_hours=keep_hours, dry_run=False, enforce_retention_duration=False
            )
            return {"before": before, "after": len(delta.file_uris()), "dropped": len(dropped)}

        return self._commit(dataset, table, write, "compacted files")

    def check_writable(self) -> None:
        """Write a row into a table of its own, the same every time.

        Raises:
            LakeError: The place cannot be written.
        """
        probe = Table("probe", "proof that the lake can be written", ("name",), (PROBE,))
        self.merge_rows(ROOT, probe, pd.DataFrame({"name": ["tidewatch"]}))

    # --- commits -------------------------------------------------------------------------------

    def _commit(
        self,
        dataset: str,
        table: Table,
        write: Callable[[StoredTable | None], Result],
        what: str,
    ) -> Result:
        location = self._location(dataset, table)
        return commit(lambda: self._open(dataset, table), write, name=location, what=what)
