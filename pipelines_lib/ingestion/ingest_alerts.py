"""What an ingest tells: that it was partial, and that it has stored something new."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256

import numpy as np

from pipelines_lib.alerts import COMMITTED, PARTIAL, Alert
from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import shown
from pipelines_lib.ingestion.report import IngestReport
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import last_final_position, make_calendar
from pipelines_lib.tables import ALERTS


def night_of(dataset: DatasetConfig, at: datetime) -> date:
    """Return the night that an ingest belongs to: the date of the newest step that is final.

    Midnight in UTC begins no new night. Of documents alone it is the date of `at`.
    """
    if not dataset.has_series:
        return at.date()
    calendar = make_calendar(dataset)
    position = last_final_position(dataset, calendar, at)
    if position < 0:
        return at.date()
    return date.fromisoformat(str(calendar.times(np.array([position]))[0])[:10])


def find_partial(
    lake: Lake,
    dataset: str,
    failures: Mapping[str, str],
    sentence: str,
    *,
    night: date,
    what: str = "series",
) -> list[Alert]:
    """Return the alert of an ingest that was partial, if it says more than this night has said.

    A repeated run in which the same series fail, or fewer, is no news.

    Args:
        lake: Where alerts lie.
        dataset: Name of the dataset.
        failures: Series or files that gave nothing, with the reason.
        sentence: What the ingest did, in words.
        night: As of `night_of`.
        what: What the failures are: `series`, or `files`.
    """
    prefix = f"{night} {what} "
    fresh = sorted(set(failures) - _told(lake, dataset, prefix)) if failures else []
    if not fresh:
        return []
    digest = sha256("\n".join(fresh).encode()).hexdigest()[:8]
    return [
        Alert(
            PARTIAL,
            prefix + digest,
            f"{dataset}: {len(failures)} {what} failed in the night of {night}: "
            f"{shown(sorted(failures), limit=3)}",
            f"{sentence}. What was good is stored; the next run asks again for what is missing.",
            weight=float(len(failures)),
            details={"failed": fresh},
        )
    ]


def find_committed(report: IngestReport) -> list[Alert]:
    """Return the word that the observations have a new version, once for each version.

    Jobs follow it instead of the clock. It is the version that counts, not what this ingest has
    stored: the ingest that stored it may have been killed before it could say so.
    """
    if report.version is None:
        return []
    done = report.observations
    return [
        Alert(
            COMMITTED,
            f"version {report.version:09d}",
            f"{report.dataset}: {done.inserted:,} new rows, {done.updated:,} changed",
            f"The observations of {report.dataset} stand at version {report.version}, up to "
            f"{report.last_time or 'no step yet'}.",
            details={
                "rows_new": done.inserted,
                "rows_changed": done.updated,
                "newest_step": report.last_time,
                "table_version": report.version,
            },
        )
    ]


def _told(lake: Lake, dataset: str, prefix: str) -> set[str]:
    """Return the names that this night's alerts have told already."""
    rows = lake.read_rows(dataset, ALERTS, columns=["subject", "details"], equal={"kind": PARTIAL})
    told = rows[rows["subject"].str.startswith(prefix)]["details"]
    return {name for details in told for name in json.loads(details)["failed"]}
