"""A table as it is stored: whether this code can read it, and which columns it lacks yet.

The schema version that wrote a table is marked in its description. Columns that came later are
null when read; the next write adds them.
"""

import re
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable, Field
from deltalake.exceptions import DeltaError, TableNotFoundError

from pipelines_lib.errors import LakeError
from pipelines_lib.tables import SCHEMA_VERSION, Table

SCHEMA_MARK = "tidewatch-schema"


@dataclass(frozen=True)
class StoredTable:
    """One version of a table; `nulls` are declared columns, with their type, that it lacks."""

    delta: DeltaTable
    mark: int
    nulls: tuple[tuple[str, Any], ...]

    @property
    def version(self) -> int:
        """Return the version that is open."""
        return int(self.delta.version())


def describe(table: Table) -> str:
    """Return the description that a table of this schema version is stored with."""
    return f"{table.meaning}; {SCHEMA_MARK}={SCHEMA_VERSION}"


def open_table(
    location: str, name: str, table: Table, version: int | None = None
) -> StoredTable | None:
    """Open a version of a table (None: the newest); None if the table does not exist.

    Args:
        location: Where it lies.
        name: What to call it in an error.
        table: Its declaration.
        version: Version to open.

    Raises:
        LakeError: There is no such version, it was written by a newer Tidewatch or by another
            program, or it lacks a column that no later schema version added.
    """
    if version is not None and version < 0:
        raise LakeError(f"{name} has no version {version}: they count from 0")
    try:
        delta = DeltaTable(location, version=version)
    except TableNotFoundError:
        return None
    except DeltaError as error:
        if version is None:
            raise LakeError(f"cannot read {location}: {error}") from error
        raise LakeError(
            f"{name} has no version {version}: the newest is "
            f"{DeltaTable(location).version()}, old ones go at maintenance"
        ) from error
    written = re.search(rf"{SCHEMA_MARK}=(\d+)", delta.metadata().description or "")
    if written is None or int(written.group(1)) > SCHEMA_VERSION:
        found = written.group(1) if written else "none"
        raise LakeError(
            f"{location} has table schema {found}, this Tidewatch knows {SCHEMA_VERSION}: "
            "it was written by a newer version or by another program; upgrade tidewatch, "
            "or point TIDEWATCH_LAKE_URI elsewhere"
        )
    mark = int(written.group(1))
    there = {field.name for field in delta.schema().fields}
    lacking = [column for column in table.columns if column.name not in there]
    missing = sorted(column.name for column in lacking if column.added_in <= mark)
    if missing:
        raise LakeError(
            f"{name} lacks the columns {', '.join(missing)}: "
            "the dataset was declared with others; give the new declaration a new name"
        )
    return StoredTable(delta, mark, tuple((column.name, column.type) for column in lacking))


def upgrade(stored: StoredTable, table: Table) -> None:
    """Add the columns that came after the table was written, and raise its mark.

    The columns come first: after a kill in between, the mark still says that it must be raised.

    Raises:
        CommitFailedError: Another writer changed the table meanwhile; open it again.
    """
    if all(column.added_in <= stored.mark for column in table.columns):
        return
    lacking = {name for name, _ in stored.nulls}
    fields = [Field.from_arrow(field) for field in table.schema if field.name in lacking]
    if fields:
        stored.delta.alter.add_columns(fields)
    stored.delta.alter.set_table_description(describe(table))
