"""Which documents come twice in one reading, and which are stored already, by 64-bit hashes.

A few bytes for each document, whatever its length: neither the source nor the table is ever held.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines_lib.lake import Lake
from pipelines_lib.tables import DOCUMENTS

TEXTS = [name for name in DOCUMENTS.facts if name != "time"]


@dataclass(frozen=True)
class Places:
    """Where documents stand in a source: hashes of ids, times, parts and rows, each (n,)."""

    ids: np.ndarray
    times: np.ndarray
    parts: np.ndarray
    rows: np.ndarray


def note_places(good: pd.DataFrame, part: int) -> Places:
    """Return where some documents stand: in the part of this number."""
    return Places(
        _hash(good["document_id"]),
        good["time"].astype("int64").to_numpy(),
        np.full(len(good), part, dtype="int32"),
        good["row"].to_numpy("int64"),
    )


def find_repeated(noted: Iterable[Places]) -> dict[int, np.ndarray]:
    """Return, for each part, the rows that do not count: their id comes again.

    Of several the one with the newest time counts; of those, the last.
    """
    places = list(noted)
    if not places:
        return {}
    ids, times, parts, rows = (
        np.concatenate([getattr(p, name) for p in places])
        for name in ("ids", "times", "parts", "rows")
    )
    order = np.lexsort((rows, parts, times, ids))
    loses = order[:-1][ids[order[:-1]] == ids[order[1:]]]
    return {int(part): np.sort(rows[loses[parts[loses] == part]]) for part in set(parts[loses])}


@dataclass(frozen=True)
class Digests:
    """What is stored: hashes of ids, sorted, and of what is said under them, each (n,)."""

    ids: np.ndarray
    facts: np.ndarray

    def find_stored(self, rows: pd.DataFrame) -> np.ndarray:
        """Mark documents that are stored as they are (n,)."""
        if len(self.ids) == 0:
            return np.zeros(len(rows), dtype=bool)
        ids = _hash(rows["document_id"])
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return (self.ids[at] == ids) & (self.facts[at] == _hash_facts(rows))


def read_digests(lake: Lake, dataset: str) -> Digests:
    """Return the digests of all stored documents of a dataset."""
    ids, facts = [np.empty(0, dtype="uint64")], [np.empty(0, dtype="uint64")]
    columns = ["document_id", *DOCUMENTS.facts]
    for batch in lake.stream_rows(dataset, DOCUMENTS, columns=columns):
        rows = batch.to_pandas()
        ids.append(_hash(rows["document_id"]))
        facts.append(_hash_facts(rows))
    known, said = np.concatenate(ids), np.concatenate(facts)
    order = np.argsort(known)
    return Digests(known[order], said[order])


def _hash_facts(rows: pd.DataFrame) -> np.ndarray:
    """Hash everything but id and ingest (n,); no text holds the NUL that stands for null."""
    told = {name: rows[name].astype(object).fillna("\0") for name in TEXTS}
    told["time"] = rows["time"].astype("int64")
    frame = pd.DataFrame(told)
    return pd.util.hash_pandas_object(frame, index=False, categorize=False).to_numpy()


def _hash(texts: pd.Series) -> np.ndarray:
    return pd.util.hash_array(texts.to_numpy(object), categorize=False)
