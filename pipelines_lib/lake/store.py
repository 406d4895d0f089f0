"""The lake: one folder a dataset, one Delta table in it for each declared table.

Every write is one transaction, a merge by key: a row that is there already changes nothing, and
a merge in which nothing changed makes no new table version. Values reach SQL as quoted literals.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from pipelines_lib.config.base import DATASET_PATTERN
from pipelines_lib.errors import LakeError
from pipelines_lib.tables import SCHEMA_VERSION, TEXT, Column, Table

ROOT = "_lake"
"""Folder of the tables that belong to no dataset; not a valid dataset name."""

COMMIT_ATTEMPTS = 8
SCHEMA_MARK = "tidewatch-schema"
PROBE = Column("name", TEXT, "always the same")


@dataclass(frozen=True)
class MergeCounts:
    """Rows that a merge wrote; rows that were there already count as unchanged."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0

    @property
    def written(self) -> int:
        """Return the rows that are new or changed."""
        return self.inserted + self.updated

    def __add__(self, other: "MergeCounts") -> "MergeCounts":
        return MergeCounts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.deleted + other.deleted,
        )


class Lake:
    """A folder or object-store prefix that holds the tables."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")

    # --- writing -------------------------------------------------------------------------------

    def merge_rows(self, dataset: str, table: Table, rows: pd.DataFrame) -> MergeCounts:
        """Insert rows whose key is new, update rows whose facts differ, leave the rest alone.

        Args:
            dataset: Name of the dataset, created at its first row.
            table: The declared table; `rows` has its columns, others are dropped.
            rows: At most one row a key.

        Raises:
            LakeError: A column is missing or of the wrong type, a key stands twice, or the
                table was written by a newer version.
        """
        return self._merge(dataset, table, rows, delete_scope=None)

    def replace_rows(
        self, dataset: str, table: Table, rows: pd.DataFrame, *, scope: dict[str, str]
    ) -> MergeCounts:
        """Merge `rows`, and delete stored rows within `scope` whose key is not among them.

        `scope` maps columns to the text they must equal, for instance a mode and a scorer.
        """
        clauses = [f"t.{name} = {_literal(value)}" for name, value in scope.items()]
        return self._merge(dataset, table, rows, delete_scope=" AND ".join(clauses))

    def _merge(
        self, dataset: str, table: Table, rows: pd.DataFrame, delete_scope: str | None
    ) -> MergeCounts:
        source = _to_arrow(rows, table)
        if source.num_rows == 0 and (
            delete_scope is None or self.table_version(dataset, table) is None
        ):
            return MergeCounts()
        same_row = [f"s.{name} = t.{name}" for name in table.key]
        if table.by_year:
            years = ", ".join(str(year) for year in sorted(set(source["year"].to_pylist())))
            same_row += ["s.year = t.year", f"t.year IN ({years or 'NULL'})"]
        differs = " OR ".join(f"(s.{name} IS DISTINCT FROM t.{name})" for name in table.facts)
        for attempt in range(1, COMMIT_ATTEMPTS + 1):
            try:
                merge = (
                    self._open_or_create(dataset, table)
                    .merge(
                        source,
                        predicate=" AND ".join(same_row),
                        source_alias="s",
                        target_alias="t",
                        writer_properties=WriterProperties(compression="ZSTD"),
                    )
                    .when_not_matched_insert_all()
                )
                if differs:
                    merge = merge.when_matched_update_all(predicate=differs)
                if delete_scope is not None:
                    merge = merge.when_not_matched_by_source_delete(predicate=delete_scope)
                done = merge.execute()
                break
            except CommitFailedError as error:  # another writer was first: look again
                if attempt == COMMIT_ATTEMPTS:
                    raise LakeError(
                        f"{dataset}.{table.name} was changed by others {attempt} times while "
                        f"writing {source.num_rows} rows: let one job at a time write it"
                    ) from error
        inserted, updated = done["num_target_rows_inserted"], done["num_target_rows_updated"]
        return MergeCounts(
            inserted, updated, source.num_rows - inserted - updated, done["num_target_rows_deleted"]
        )

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
            version: Table version to read; None: newest.

        Raises:
            LakeError: The version does not exist, or was written by a newer Tidewatch.
        """
        names = list(columns or table.schema.names)
        stored = self._open(dataset, table, version)
        if stored is None:
            return _to_pandas(table.schema.empty_table().select(names))
        where = []
        if series_ids is not None:
            wanted = ", ".join(_literal(name) for name in series_ids) or "NULL"
            where.append(f"series_id IN ({wanted})")
        for bound, sign in ((start, ">="), (end, "<=")):
            if bound is not None:
                bound = _as_utc(bound)
                where.append(f"time {sign} TIMESTAMP '{bound.isoformat()}'")
                if table.by_year:
                    where.append(f"year {sign} {bound.year}")
        where += [f"{name} = {_literal(value)}" for name, value in (equal or {}).items()]
        query = f"SELECT {', '.join(_quoted(name) for name in names)} FROM rows"
        if where:
            query += " WHERE " + " AND ".join(where)
        query += " ORDER BY " + ", ".join(_quoted(name) for name in table.key)
        found = _run_query(query, stored)
        schema = pa.schema([table.schema.field(name) for name in names])
        return _to_pandas(found.cast(schema))

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
        counted = "count(*)" if having is None else f"count({_quoted(having)})"
        return self._by(dataset, table, by, counted, equal).astype("int64")

    def last_times(
        self, dataset: str, table: Table, *, column: str = "time", equal: dict[str, str]
    ) -> pd.Series:
        """Return the newest time of each series, indexed by series id."""
        return self._by(dataset, table, "series_id", f"max({_quoted(column)})", equal)

    def _by(
        self, dataset: str, table: Table, by: str, value: str, equal: dict[str, str] | None
    ) -> pd.Series:
        stored = self._open(dataset, table, None)
        if stored is None:
            return pd.Series(dtype="object", index=pd.Index([], dtype=object, name=by))
        where = [f"{_quoted(by)} IS NOT NULL"]
        where += [f"{name} = {_literal(text)}" for name, text in (equal or {}).items()]
        query = (
            f"SELECT {_quoted(by)} AS name, {value} AS value FROM rows "
            f"WHERE {' AND '.join(where)} GROUP BY 1 ORDER BY 1"
        )
        found = _run_query(query, stored)
        frame = found.set_column(0, "name", found["name"].cast(pa.string())).to_pandas()
        return frame.set_index("name")["value"].rename_axis(by)

    def table_version(self, dataset: str, table: Table) -> int | None:
        """Return the newest version of a table, None if it does not exist yet."""
        stored = self._open(dataset, table, None)
        return None if stored is None else stored.version()

    # --- upkeep --------------------------------------------------------------------------------

    def compact(self, dataset: str, table: Table, *, keep_hours: int) -> dict[str, int]:
        """Join small files, sorted by key, and drop files unused for `keep_hours`.

        Rows stay as they are; table versions older than `keep_hours` can no longer be read.

        Returns:
            Counts of files: `before`, `after`, and `dropped` from disk.
        """
        stored = self._open(dataset, table, None)
        if stored is None:
            return {"before": 0, "after": 0, "dropped": 0}
        before = len(stored.file_uris())
        parts = len(stored.partitions()) if table.by_year else 1
        if before > parts:
            stored.optimize.z_order(list(table.key[:2]))
        dropped = stored.vacuum(
            retention_hours=keep_hours, dry_run=False, enforce_retention_duration=False
        )
        return {"before": before, "after": len(stored.file_uris()), "dropped": len(dropped)}

    def check_writable(self) -> None:
        """Write a row into a table of its own, the same every time.

        Raises:
            LakeError: The place cannot be written.
        """
        probe = Table("probe", "proof that the lake can be written", ("name",), (PROBE,))
        self.merge_rows(ROOT, probe, pd.DataFrame({"name": ["tidewatch"]}))

    # --- tables --------------------------------------------------------------------------------

    def _location(self, dataset: str, table: Table) -> str:
        if dataset != ROOT and not re.fullmatch(DATASET_PATTERN, dataset):
            raise LakeError(
                f"dataset name {dataset!r} is not valid: use lower-case letters, digits, hyphens"
            )
        return f"{self.uri}/{dataset}/{table.name}"

    def _open(self, dataset: str, table: Table, version: int | None) -> DeltaTable | None:
        location = self._location(dataset, table)
        if version is not None and version < 0:
            raise LakeError(f"{dataset}.{table.name} has no version {version}: they count from 0")
        try:
            stored = DeltaTable(location, version=version)
        except TableNotFoundError:
            return None
        except DeltaError as error:
            if version is None:
                raise LakeError(f"cannot read {location}: {error}") from error
            raise LakeError(
                f"{dataset}.{table.name} has no version {version}: the newest is "
                f"{self.table_version(dataset, table)}, old ones go at maintenance"
            ) from error
        written = re.search(rf"{SCHEMA_MARK}=(\d+)", stored.metadata().description or "")
        if written is None or int(written.group(1)) > SCHEMA_VERSION:
            found = written.group(1) if written else "none"
            raise LakeError(
                f"{location} has table schema {found}, this Tidewatch knows {SCHEMA_VERSION}: "
                "it was written by a newer version or by another program; upgrade tidewatch, "
                "or point TIDEWATCH_LAKE_URI elsewhere"
            )
        missing = set(table.schema.names) - {field.name for field in stored.schema().fields}
        if missing:
            raise LakeError(
                f"{dataset}.{table.name} lacks the columns {', '.join(sorted(missing))}: "
                "the dataset was declared with others; give the new declaration a new name"
            )
        return stored

    def _open_or_create(self, dataset: str, table: Table) -> DeltaTable:
        stored = self._open(dataset, table, None)
        if stored is not None:
            return stored
        schema = table.schema
        if table.by_year:
            schema = schema.append(pa.field("year", pa.int32()))
        try:
            return DeltaTable.create(
                self._location(dataset, table),
                schema=schema,
                partition_by=["year"] if table.by_year else None,
                name=table.name,
                description=f"{table.meaning}; {SCHEMA_MARK}={SCHEMA_VERSION}",
            )
        except (OSError, DeltaError) as error:
            stored = self._open(dataset, table, None)
            if stored is not None:  # another writer created it in between
                return stored
            raise LakeError(
                f"cannot create {self._location(dataset, table)}: {error}; "
                "set TIDEWATCH_LAKE_URI to a place that can be written"
            ) from error


def _to_arrow(rows: pd.DataFrame, table: Table) -> pa.Table:
    missing = [name for name in table.schema.names if name not in rows.columns]
    if missing:
        raise LakeError(f"rows for {table.name} lack the columns {', '.join(missing)}")
    repeated = rows.duplicated(list(table.key))
    if repeated.any():
        key = rows.loc[repeated, list(table.key)].iloc[0].to_dict()
        raise LakeError(f"rows for {table.name} hold the key {key} more than once")
    declared = rows[table.schema.names]
    zoned = declared.select_dtypes("datetimetz").columns
    declared = declared.assign(**{name: declared[name].dt.tz_convert(None) for name in zoned})
    try:
        arrow = pa.Table.from_pandas(declared, schema=table.schema, preserve_index=False)
    except (ValueError, pa.ArrowTypeError) as error:  # ValueError: a null in the key, too
        raise LakeError(f"rows for {table.name} do not fit its schema: {error}") from error
    if table.by_year:
        arrow = arrow.append_column("year", pc.year(arrow["time"]).cast(pa.int32()))
    return arrow.sort_by([(name, "ascending") for name in table.key])


def _run_query(query: str, stored: DeltaTable) -> pa.Table:
    try:
        return pa.table(QueryBuilder().register("rows", stored).execute(query).read_all())
    except Exception as error:  # the engine raises no type of its own
        raise LakeError(
            f"cannot read version {stored.version()} of {stored.table_uri}: {error}; if its files "
            "went at maintenance, read a newer version"
        ) from error


def _to_pandas(found: pa.Table) -> pd.DataFrame:
    return found.to_pandas(types_mapper={pa.string(): pd.StringDtype(na_value=float("nan"))}.get)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_utc(time: datetime) -> pd.Timestamp:
    stamp = pd.Timestamp(time)
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
