"""The quality rules of documents, and the one form of a document that keeps them.

A row answers to the first rule that it breaks and goes to quarantine as it came. What is kept is
text as it came: only NUL characters, which tables cannot hold, are dropped.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from pipelines_lib.config.base import SERIES_PATTERN
from pipelines_lib.ingestion.document_ids import Occurrences, make_content_ids, make_row_ids
from pipelines_lib.sources.documents import ROLES, RawDocuments
from pipelines_lib.sources.rows import parse_times

CLOCKS_DIFFER = timedelta(minutes=5)
"""A document may be dated so much later than the ingest began."""
MAX_ROW = 20_000
"""Characters of a quarantined row; longer values are cut."""
SURROGATE = re.compile("[\ud800-\udfff]")
BAD_SERIES = "\0"
"""Stands for series that cannot be read; no text of a document holds it."""


def _none_broken(rows: pd.DataFrame, _: datetime) -> np.ndarray:
    return np.zeros(len(rows), dtype=bool)


@dataclass(frozen=True)
class DocumentRule:
    """One rule; `broken` marks rows in stored form (n,), given when the ingest began."""

    name: str
    reason: str
    broken: Callable[[pd.DataFrame, datetime], np.ndarray] = _none_broken


@dataclass(frozen=True)
class CheckedDocuments:
    """Documents that kept the rules, and the rows that did not.

    `good` has the columns ROLES with their stored types, and `row`; `quarantined` has `rule`,
    `row` (JSON) and `reason`.
    """

    good: pd.DataFrame
    quarantined: pd.DataFrame


def _has_no_id(rows: pd.DataFrame, _: datetime) -> np.ndarray:
    return (rows["document_id"] == "").to_numpy()


def _has_no_time(rows: pd.DataFrame, _: datetime) -> np.ndarray:
    return rows["time"].isna().to_numpy()


def _is_in_future(rows: pd.DataFrame, at: datetime) -> np.ndarray:
    return (rows["time"] > pd.Timestamp(at) + CLOCKS_DIFFER).to_numpy()


def _has_bad_series(rows: pd.DataFrame, _: datetime) -> np.ndarray:
    return (rows["series_ids"] == BAD_SERIES).to_numpy()


def _has_no_text(rows: pd.DataFrame, _: datetime) -> np.ndarray:
    empty = (rows["title"].str.strip() == "") & (rows["text"].str.strip() == "")
    return (empty & rows["label"].isna()).to_numpy()


MALFORMED = DocumentRule("malformed", "no row can be made out: fields are missing or too many")
BROKEN_ENCODING = DocumentRule("broken_encoding", "some bytes are no UTF-8: write it as UTF-8")
JUDGED = (
    DocumentRule("no_id", "the column of ids is empty", _has_no_id),
    DocumentRule("no_time", "the time of publication is missing or cannot be read", _has_no_time),
    DocumentRule("future_time", "the time of publication has not come yet", _is_in_future),
    DocumentRule("bad_series", "a series it speaks of is no series id", _has_bad_series),
    DocumentRule("no_text", "title and text are empty, and it has no label", _has_no_text),
)
DOCUMENT_RULES = (MALFORMED, BROKEN_ENCODING, *JUDGED)
"""In the order in which they judge; what breaks the first two cannot be put into stored form."""


def check_documents(
    raw: RawDocuments, *, ids: str, at: datetime, seen: Occurrences
) -> CheckedDocuments:
    """Judge rows by the rules.

    Args:
        raw: The rows as they came.
        ids: What an id is: `given`, made of the `content`, or of the `row` as well.
        at: When the ingest began, UTC.
        seen: The rows of the same file so far, which count where ids are made of the row.
    """
    held = [_hold(MALFORMED, [{"file": raw.file} | row for row in raw.malformed])]
    broken = _has_surrogate(raw.rows)
    held.append(_hold(BROKEN_ENCODING, _as_dicts(raw.rows[broken], raw.file)))
    came = raw.rows[~broken].reset_index(drop=True)
    rows = _in_stored_form(came)
    if ids == "content":
        rows["document_id"] = make_content_ids(rows, raw.file)
    elif ids == "row":
        rows["document_id"] = make_row_ids(rows, raw.file, seen)
    good = np.ones(len(rows), dtype=bool)
    for rule in JUDGED:
        broken = good & rule.broken(rows, at)
        good &= ~broken
        held.append(_hold(rule, _as_dicts(came[broken], raw.file)))
    quarantined = pd.concat(held, ignore_index=True)
    return CheckedDocuments(rows[good].reset_index(drop=True), quarantined)


def _has_surrogate(rows: pd.DataFrame) -> np.ndarray:
    """Mark rows with a byte that is no UTF-8 (n,)."""
    found = np.zeros(len(rows), dtype=bool)
    for role in ROLES:
        if rows[role].dtype == object:  # times are none
            found |= rows[role].str.contains(SURROGATE).fillna(False).to_numpy(bool)
    return found


def _in_stored_form(came: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their stored types; what cannot be read is NaT or BAD_SERIES."""
    texts = {
        role: came[role].str.replace("\0", "", regex=False)
        for role in ROLES
        if role not in ("time", "series_ids")
    }
    for role in ("document_id", "label"):
        texts[role] = texts[role].str.strip()
    texts["label"] = texts["label"].where(texts["label"] != "", None)
    times = parse_times(came["time"]).dt.floor("s")
    series = _parse_series(came["series_ids"])
    made = texts | {"time": times, "series_ids": series, "row": came["row"]}
    return pd.DataFrame(made)[[*ROLES, "row"]]


def _parse_series(values: pd.Series) -> pd.Series:
    """Return series ids sorted, once each, a comma between; BAD_SERIES where one is none."""
    codes, distinct = pd.factorize(values)

    def parse(text: str) -> str:
        names = {name.strip() for name in re.split(r"[,;\n\r\t]", text)} - {""}
        known = all(re.fullmatch(SERIES_PATTERN, name) for name in names)
        return ",".join(sorted(names)) if known else BAD_SERIES

    parsed = np.array([parse(text) for text in distinct], dtype=object)
    return pd.Series(parsed[codes] if len(codes) else [], dtype=object)


def _as_dicts(rows: pd.DataFrame, file: str) -> list[dict[str, object]]:
    told = rows[list(ROLES)].astype({"time": "object"})
    return [
        {"file": file, **{str(role): str(value) for role, value in row.items() if value != ""}}
        for row in told.to_dict("records")
    ]


def _hold(rule: DocumentRule, rows: list[dict[str, object]]) -> pd.DataFrame:
    held = {"rule": rule.name, "row": [_as_json(row) for row in rows], "reason": rule.reason}
    return pd.DataFrame(held, columns=["rule", "row", "reason"], dtype=object)


def _as_json(row: dict[str, object]) -> str:
    """Return a row as JSON of at most MAX_ROW characters; a broken byte is an escape there."""
    limit = MAX_ROW
    while True:
        cut = {name: _cut(value, limit) for name, value in row.items()}
        line = json.dumps(cut, ensure_ascii=False, separators=(",", ":"))
        line = line.encode("utf-8", "backslashreplace").decode()
        if len(line) <= MAX_ROW:
            return line
        limit //= 2


def _cut(value: object, limit: int) -> object:
    if isinstance(value, list):
        cut = [_cut(each, limit) for each in value[:limit]]
        return [*cut, f"... ({len(value):,} fields)"] if len(value) > limit else cut
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters)"
