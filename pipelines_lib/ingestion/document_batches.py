"""A source's documents in batches, judged, each id once.

A source is read twice: once to see which ids come again, so that the newest counts wherever it
stands, and once to give them out. Only a batch is ever held.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from pipelines_lib.errors import SourceError
from pipelines_lib.ingestion.document_digests import find_repeated, note_places
from pipelines_lib.ingestion.document_ids import Occurrences
from pipelines_lib.ingestion.document_rules import CheckedDocuments, check_documents
from pipelines_lib.sources.document_readers import BATCH_ROWS
from pipelines_lib.sources.documents import DocumentSource


@dataclass(frozen=True)
class JudgedBatch:
    """Some documents: `good` in stored form, `quarantined` with the rule that each broke.

    `read` counts the rows that the source gave, `repeated` those whose id comes again, and
    `rules` those that broke each rule.
    """

    read: int
    repeated: int
    good: pd.DataFrame
    quarantined: pd.DataFrame
    rules: Counter[str]


def judge_documents(
    source: DocumentSource,
    parts: Sequence[str],
    *,
    at: datetime,
    failures: dict[str, str],
) -> Iterator[JudgedBatch]:
    """Yield the documents of a source, about BATCH_ROWS at a time, small files together.

    Args:
        source: Where they come from.
        parts: Its parts, in their order.
        at: When the ingest began, UTC.
        failures: Gets the reason for each part that could not be read; it is not tried again.

    Raises:
        SourceError: No part can be read.
    """
    waiting: list[JudgedBatch] = []
    for batch in _judge_parts(source, parts, at, failures):
        waiting.append(batch)
        if sum(one.read for one in waiting) >= BATCH_ROWS:
            yield _join(waiting)
            waiting = []
    if waiting:
        yield _join(waiting)


def _judge_parts(
    source: DocumentSource, parts: Sequence[str], at: datetime, failures: dict[str, str]
) -> Iterator[JudgedBatch]:
    repeated = {}
    if not source.unique:
        noted = [
            (part, note_places(checked.good, part))
            for part, _, checked in _check_parts(source, parts, at, failures)
        ]
        # What a file noted before it failed is not given out: it must not hide another's.
        repeated = find_repeated(places for part, places in noted if parts[part] not in failures)
    nothing = np.empty(0, dtype="int64")
    for part, read, checked in _check_parts(source, parts, at, failures):
        again = checked.good["row"].isin(repeated.get(part, nothing))
        good = checked.good[~again].drop(columns="row")
        rules = Counter(checked.quarantined["rule"])
        yield JudgedBatch(read, int(again.sum()), good, checked.quarantined, rules)


def _check_parts(
    source: DocumentSource, parts: Sequence[str], at: datetime, failures: dict[str, str]
) -> Iterator[tuple[int, int, CheckedDocuments]]:
    """Yield number of the part, rows read and rows judged, as the source gives them."""
    for number, part in enumerate(parts):
        if part in failures:
            continue
        seen = Occurrences()
        try:
            for raw in source.read_part(part):
                checked = check_documents(raw, ids=source.ids, at=at, seen=seen)
                yield number, len(raw.rows) + len(raw.malformed), checked
        except SourceError as error:
            if len(parts) == 1:
                raise
            failures[part] = str(error)
            if len(failures) == len(parts):
                first = next(iter(failures.values()))
                raise SourceError(
                    f"none of {len(parts)} files can be read; the first: {first}",
                    transient=error.transient,
                ) from error


def _join(batches: Sequence[JudgedBatch]) -> JudgedBatch:
    """Join batches; a file that was written while it was read twice may repeat an id here."""
    good = pd.concat([one.good for one in batches], ignore_index=True)
    held = pd.concat([one.quarantined for one in batches], ignore_index=True)
    rules: Counter[str] = sum((one.rules for one in batches), Counter())
    return JudgedBatch(
        sum(one.read for one in batches),
        sum(one.repeated for one in batches),
        good.drop_duplicates("document_id", keep="last"),
        held.drop_duplicates(["rule", "row"]),
        rules,
    )
