"""Text of queries: values as quoted literals, names as quoted identifiers."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd

from pipelines_lib.tables import COUNT, FLAG, REAL, TEXT, TIME, Table

SQL_TYPES = {
    TEXT: "Utf8",
    REAL: "Float64",
    COUNT: "Int64",
    FLAG: "Boolean",
    TIME: 'Timestamp(Microsecond, Some("UTC"))',
}
"""What the engine calls the types of declared columns."""


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def moment(time: datetime) -> str:
    """Return a time as an SQL literal; one without a zone is UTC."""
    return f"arrow_cast({literal(_as_utc(time).isoformat())}, {literal(SQL_TYPES[TIME])})"


def quoted(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def is_one_of(column: str, wanted: str | Sequence[str]) -> str:
    """Return the condition that a column, named as SQL, is a text or one of several."""
    if isinstance(wanted, str):
        return f"{column} = {literal(wanted)}"
    return f"{column} IN ({', '.join(map(literal, wanted))})" if wanted else "FALSE"


def conditions(
    table: Table,
    *,
    series_ids: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    equal: dict[str, str] | None = None,
    moments: Mapping[str, datetime] | None = None,
    nulls: Sequence[tuple[str, object]] = (),
) -> list[str]:
    """Return what rows must fulfil to be of these series, times (both inclusive) and values.

    `equal` maps columns of text to their value, `moments` columns of times to theirs.

    No row has a value in the columns of `nulls`. That is said outright: the engine takes a
    condition that it has worked out to be null for one that every row fulfils.
    """
    where = []
    if series_ids is not None:
        where.append(is_one_of("series_id", list(series_ids)))
    for bound, sign in ((start, ">="), (end, "<=")):
        if bound is not None:
            bound = _as_utc(bound)
            where.append(f"time {sign} {moment(bound)}")
            if table.by_year:
                where.append(f"year {sign} {bound.year}")
    lacking = {name for name, _ in nulls}
    for name, value in (equal or {}).items():
        where.append("FALSE" if name in lacking else is_one_of(quoted(name), value))
    for name, time in (moments or {}).items():
        where.append("FALSE" if name in lacking else f"{quoted(name)} = {moment(time)}")
    return where


def select(
    what: Sequence[str],
    *,
    where: Sequence[str],
    nulls: Sequence[tuple[str, object]] = (),
    tail: str = "",
) -> str:
    """Return the query of `rows`; `nulls` are columns, with their type, that it lacks."""
    source = "rows"
    if nulls:
        made = [f"arrow_cast(NULL, {literal(SQL_TYPES[t])}) AS {quoted(n)}" for n, t in nulls]
        source = f"(SELECT *, {', '.join(made)} FROM rows) AS rows"
    only = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {', '.join(what)} FROM {source}{only}{tail}"


def _as_utc(time: datetime) -> pd.Timestamp:
    stamp = pd.Timestamp(time)
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
