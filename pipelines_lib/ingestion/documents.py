"""Documents into the lake: skip what is stored as it is, merge the rest by id."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import LakeError, SourceError, shown
from pipelines_lib.ingestion.document_batches import judge_documents
from pipelines_lib.ingestion.document_digests import read_digests
from pipelines_lib.ingestion.document_report import DocumentsReport
from pipelines_lib.ingestion.document_rules import DOCUMENT_RULES
from pipelines_lib.ingestion.document_sources import make_document_source
from pipelines_lib.lake import Lake, MergeCounts, declare_dataset
from pipelines_lib.tables import DOCUMENT_QUARANTINE, DOCUMENTS


def ingest_documents(
    lake: Lake,
    dataset: DatasetConfig,
    *,
    ingest_id: str,
    at: datetime,
    series_ids: Sequence[str] = (),
    on_batch: Callable[[int], None] = lambda done: None,
) -> DocumentsReport:
    """Bring a dataset's documents up to date with their source; a repeated ingest changes nothing.

    A batch is one transaction, after that of the rows of it that go to quarantine: a kill in
    between loses nothing, since the next ingest reads the same rows again. A document that the
    source no longer has stays.

    Args:
        lake: Where the documents go.
        dataset: The declaration; it is kept in the lake.
        ingest_id: Written beside each document that is new or changed.
        at: When the ingest began, UTC; documents dated later go to quarantine.
        series_ids: synthetic: series that the headlines speak of; empty: those that the dataset
            names, or its synthetic market has.
        on_batch: Called with the rows read so far.

    Raises:
        SourceError: No file can be read, or all rows went to quarantine.
        ConfigError: The dataset exists with another declaration.
    """
    source = make_document_source(dataset, series_ids)
    parts = source.list_parts()
    declare_dataset(lake, dataset)
    digests = read_digests(lake, dataset.name)
    failures: dict[str, str] = {}
    read, repeated, unchanged, quarantined = 0, 0, 0, 0
    rules: Counter[str] = Counter()
    done, newest = MergeCounts(), None
    for batch in judge_documents(source, parts, at=at, failures=failures):
        stored = digests.find_stored(batch.good)
        fresh = batch.good[~stored].assign(ingest_id=ingest_id)
        held = batch.quarantined.assign(ingest_id=ingest_id)
        quarantined += lake.merge_rows(dataset.name, DOCUMENT_QUARANTINE, held).inserted
        done += lake.merge_rows(dataset.name, DOCUMENTS, fresh)
        read, repeated, rules = read + batch.read, repeated + batch.repeated, rules + batch.rules
        unchanged += int(stored.sum())
        if len(batch.good):
            last = batch.good["time"].max().to_pydatetime()
            newest = last if newest is None else max(newest, last)
        on_batch(read)
    if read and newest is None and lake.table_version(dataset.name, DOCUMENTS) is None:
        broken = ", ".join(
            f"{rule.name} {rules[rule.name]}: {rule.reason}"
            for rule in DOCUMENT_RULES
            if rule.name in rules
        )
        raise SourceError(
            f"none of the {read} documents of dataset {dataset.name} could be stored ({broken}): "
            "correct the declaration or the source"
        )
    return DocumentsReport(
        dataset.name,
        read=read,
        new=done.inserted,
        changed=done.updated,
        unchanged=unchanged + done.unchanged,
        repeated=repeated,
        quarantined=quarantined,
        rules=dict(rules),
        failures=failures,
        newest=newest,
    )


def list_document_quarantine(lake: Lake, dataset: str, *, rule: str = "") -> pd.DataFrame:
    """Return the documents that are held: `rule`, `row`, `reason`, `ingest_id`; empty rule: all.

    Raises:
        LakeError: No document was ever held for this rule.
    """
    rows = lake.read_rows(dataset, DOCUMENT_QUARANTINE)
    if not rule:
        return rows
    held = rows[rows["rule"] == rule].reset_index(drop=True)
    if held.empty:
        known = shown(sorted(rows["rule"].unique())) or "none at all"
        raise LakeError(
            f"dataset {dataset} has no document in quarantine with rule={rule!r} (it has "
            f"{known}): correct --rule"
        )
    return held
