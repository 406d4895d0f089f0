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
    """Log what an ingest that was killed before its log had stored: only its counts are known."""
    table = observations_table(dataset.columns)
    logged = set(lake.count_rows(dataset.name, INGESTS, by="ingest_id").index)
    written = [lake.count_rows(dataset.name, t, by="ingest_id").index for t in (table, QUARANTINE)]
    for lost in sorted((set(written[0]) | set(written[1])) - logged):
        counts = pd.DataFrame(_count_written(lake, dataset, str(lost)))
        log = counts.fillna(0).astype("int64").rename_axis("series_id").reset_index()
        log = log.assign(
            ingest_id=lost,
            at=at,
            source="lost: killed before it was logged",
            first_time=pd.Series(pd.NaT, index=log.index, dtype="datetime64[us, UTC]"),
            last_time=pd.Series(pd.NaT, index=log.index, dtype="datetime64[us, UTC]"),
            fetched=log["stored"] + log["quarantined"],
        )
        lake.merge_rows(dataset.name, INGESTS, log)


def _count_written(lake: Lake, dataset: DatasetConfig, ingest_id: str) -> dict[str, pd.Series]:
    """Count the rows that an ingest wrote, by series."""
    table, mine = observations_table(dataset.columns), {"ingest_id": ingest_id}
    return {
        "stored": lake.count_rows(dataset.name, table, equal=mine),
        "repaired": lake.count_rows(dataset.name, table, equal=mine, having="repair"),
        "quarantined": lake.count_rows(dataset.name, QUARANTINE, equal=mine),
    }
