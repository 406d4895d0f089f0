"""Read a dataset's observations from the lake as a panel."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SeriesError, shown
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.panel import Panel, make_panel
from pipelines_lib.series.sentiment import read_covariates
from pipelines_lib.tables import observations_table


def read_panel(
    lake: Lake,
    dataset: DatasetConfig,
    *,
    series_ids: Sequence[str] | None = None,
    version: int | None = None,
) -> tuple[Panel, int]:
    """Read the observations of a dataset, and the table version they were read at.

    Where the dataset's documents were scored, the panel has their newest sentiment as covariates,
    whatever version of the observations is read.

    Args:
        lake: Where they lie.
        dataset: Its declaration.
        series_ids: Series to read; None: those the declaration names, or all, as of a market.
        version: Table version to read; None: newest.

    Raises:
        SeriesError: The table is empty, or lacks a series that is asked for.
        LakeError: The version cannot be read.
    """
    table = observations_table(dataset.columns)
    version = lake.table_version(dataset.name, table) if version is None else version
    declared = None if dataset.source.market else dataset.series_ids or None
    wanted = declared if series_ids is None else list(series_ids)
    rows = lake.read_table(
        dataset.name,
        table,
        columns=["series_id", "time", *dataset.columns],
        series_ids=wanted,
        version=version,
    )
    if version is None or rows.num_rows == 0:
        raise SeriesError(
            f"dataset {dataset.name} has no observations"
            + (f" of {shown(wanted)}" if wanted else "")
            + ": ingest them, or correct series_ids"
        )
    panel = make_panel(rows, calendar=make_calendar(dataset), columns=dataset.columns)
    missing = sorted(set(series_ids or ()) - set(panel.series_ids))
    if missing:
        known = list_series(lake, dataset)
        raise SeriesError(
            f"unknown series {shown(missing)}: dataset {dataset.name} has {shown(known)}; "
            "correct series_ids"
        )
    return replace(panel, covariates=read_covariates(lake, dataset, panel)), version


def list_series(lake: Lake, dataset: DatasetConfig) -> list[str]:
    """Return the ids of all stored series, sorted."""
    return list(lake.count_rows(dataset.name, observations_table(dataset.columns)).index)


def panel_digest(panel: Panel) -> str:
    """Return a fingerprint of a panel's series, times, values and covariates: 16 hex digits."""
    digest = hashlib.sha256("\n".join(panel.series_ids).encode())
    for array in (panel.offsets, panel.position, panel.values):
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    for name, array in panel.covariates.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()[:16]
