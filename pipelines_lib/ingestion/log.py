"""The log of ingests: what came in for each series, also of an ingest that was killed."""

from datetime import datetime

import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.tables import INGESTS, QUARANTINE, observations_table


def log_batch(
    lake: Lake,
    dataset: DatasetConfig,
    raw: pd.DataFrame,
    *,
    ingest_id: str,
    at: datetime,
    source: str,
) -> None:
    """Log a row for each series of which this ingest stored or quarantined something."""
    times = raw.groupby("series_id", observed=True)["time"]
    counts = _count_written(lake, dataset, ingest_id)
    log = pd.DataFrame(
        {
            "first_time": times.min(),
            "last_time": times.max(),
            "fetched": times.size(),
            **counts,
        },
        index=pd.Index(sorted(raw["series_id"].unique()), name="series_id"),
    )
    numbers = ["fetched", *counts]
    log[numbers] = log[numbers].fillna(0).astype("int64")
    log = log[(log["stored"] > 0) | (log["quarantined"] > 0)].reset_index()
    lake.merge_rows(dataset.name, INGESTS, log.assign(ingest_id=ingest_id, at=at, source=source))


def log_lost_ingests(lake: Lake, dataset: DatasetConfig, at: datetime) -> None:
    """Log what an ingest that was killed before its log had stored: only its counts are known.

    An ingest is logged batch by batch. Some of it is lost where more rows carry its id than its
    log tells; other ingests can only have made them fewer.
    """
    for lost in _find_lost(lake, dataset):
        counts = pd.DataFrame(_count_written(lake, dataset, lost)).fillna(0).astype("int64")
        known = lake.read_rows(dataset.name, INGESTS, equal={"ingest_id": lost})
        told = known.set_index("series_id").reindex(counts.index)[["stored", "quarantined"]]
        untold = counts[(counts[told.columns] > told.fillna(0)).any(axis=1)]
        log = untold.rename_axis("series_id").reset_index()
        log = log.assign(
            ingest_id=lost,
            at=at,
            source="lost: killed before it was logged",
            first_time=pd.Series(pd.NaT, index=log.index, dtype="datetime64[us, UTC]"),
            last_time=pd.Series(pd.NaT, index=log.index, dtype="datetime64[us, UTC]"),
            fetched=log["stored"] + log["quarantined"],
        )
        lake.merge_rows(dataset.name, INGESTS, log)


def _find_lost(lake: Lake, dataset: DatasetConfig) -> list[str]:
    lost: set[str] = set()
    for column, table in (
        ("stored", observations_table(dataset.columns)),
        ("quarantined", QUARANTINE),
    ):
        written = lake.count_rows(dataset.name, table, by="ingest_id")
        told = lake.sum_rows(dataset.name, INGESTS, column, by="ingest_id").reindex(written.index)
        lost |= {str(name) for name in written.index[written > told.fillna(0)]}
    return sorted(lost)


def _count_written(lake: Lake, dataset: DatasetConfig, ingest_id: str) -> dict[str, pd.Series]:
    """Count the rows that an ingest wrote, by series."""
    table, mine = observations_table(dataset.columns), {"ingest_id": ingest_id}
    return {
        "stored": lake.count_rows(dataset.name, table, equal=mine),
        "repaired": lake.count_rows(dataset.name, table, equal=mine, having="repair"),
        "quarantined": lake.count_rows(dataset.name, QUARANTINE, equal=mine),
    }
