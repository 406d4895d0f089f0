"""What a stored table is made of: its columns, their types, its key."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
REAL = pa.float64()
COUNT = pa.int64()
FLAG = pa.bool_()


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, and what it means with its unit."""

    name: str
    type: Any
    meaning: str
    provenance: bool = False
    """Says who wrote the row, not what is true: alone it is no reason to write again."""
    added_in: int = 1
    """Schema version that brought the column; in tables older than that it is null."""


@dataclass(frozen=True)
class Table:
    """A Delta table: rows are equal when their `key` columns are."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    by_year: bool = False
    """Partitioned by the year of `time`, so that a night rewrites one year at most."""

    @property
    def schema(self) -> pa.Schema:
        """Return the Arrow schema, in storage order, without the partition column."""
        nullable = [column.name not in self.key for column in self.columns]
        return pa.schema(
            [pa.field(c.name, c.type, n) for c, n in zip(self.columns, nullable, strict=True)]
        )

    @property
    def facts(self) -> tuple[str, ...]:
        """Return the columns whose change makes a stored row out of date."""
        return tuple(c.name for c in self.columns if c.name not in self.key and not c.provenance)
