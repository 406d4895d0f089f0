"""The outbox: alerts are stored before they are told, and marked once they have been told."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from pipelines_lib.alerts.alert import KINDS, Alert
from pipelines_lib.errors import ConfigError
from pipelines_lib.lake import Lake
from pipelines_lib.tables import ALERTS

TOLD_BY_PREFECT, TOLD_BY_RUN = "prefect", "run"
EXPIRED, SUPERSEDED = "expired", "superseded"
NOT_TOLD = ""


@dataclass(frozen=True)
class StoredAlert:
    """An alert as the outbox holds it."""

    alert: Alert
    at: datetime
    """When it was raised, UTC. It is part of its message's id: a lake begun anew tells anew."""
    flow_run_id: str
    """Prefect run that raised it; empty: none."""
    message: str = ""
    """Id of the message that tells it together with others; empty: it has one of its own."""


def store_alerts(
    lake: Lake, dataset: str, alerts: Sequence[Alert], *, at: datetime, flow_run_id: str = ""
) -> int:
    """Store the alerts that are not there yet, and count them.

    One of a kind and subject that is there stays as it is, told or not.

    Raises:
        ConfigError: There is no such kind.
    """
    for alert in alerts:
        if alert.kind not in KINDS:
            raise ConfigError(
                f"unknown kind of alert {alert.kind!r} of {dataset}: there are {', '.join(KINDS)}"
            )
    first = {(alert.kind, alert.subject): alert for alert in reversed(alerts)}
    stored = [StoredAlert(alert, at, flow_run_id) for alert in first.values()]
    if not stored:
        return 0
    return lake.insert_rows(dataset, ALERTS, _as_rows(stored, NOT_TOLD, None)).inserted


def read_untold(lake: Lake, dataset: str) -> list[StoredAlert]:
    """Return the alerts that have not been told yet, in the order of kind and subject."""
    rows = lake.read_rows(dataset, ALERTS, equal={"told_how": NOT_TOLD})
    return [
        StoredAlert(
            Alert(
                row["kind"],
                row["subject"],
                row["title"],
                row["text"],
                row["weight"],
                json.loads(row["details"]),
            ),
            row["at"].to_pydatetime(),
            row["flow_run_id"],
            row["message"],
        )
        for row in rows.to_dict("records")
    ]


def mark_alerts(
    lake: Lake, dataset: str, stored: Sequence[StoredAlert], how: str, at: datetime
) -> None:
    """Note how alerts were told, or why they never will be."""
    if stored:
        told_at = at if how in (TOLD_BY_PREFECT, TOLD_BY_RUN) else None
        lake.merge_rows(dataset, ALERTS, _as_rows(stored, how, told_at))


def join_message(
    lake: Lake, dataset: str, stored: Sequence[StoredAlert], message: str
) -> list[StoredAlert]:
    """Note that one message tells several alerts, before it is sent.

    Who dies after sending it then finds it again, and no alert in it is told a second time.
    """
    joined = [replace(one, message=message) for one in stored]
    lake.merge_rows(dataset, ALERTS, _as_rows(joined, NOT_TOLD, None))
    return joined


def _as_rows(stored: Sequence[StoredAlert], how: str, told_at: datetime | None) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            **{name: getattr(one.alert, name) for name in ("kind", "subject", "title", "text")},
            "weight": float(one.alert.weight),
            "details": json.dumps(dict(one.alert.details), ensure_ascii=False, sort_keys=True),
            "flow_run_id": one.flow_run_id,
            "message": one.message,
            "told_how": how,
            "at": one.at,
            "told_at": told_at,
        }
        for one in stored
    )
    for name in ("at", "told_at"):
        rows[name] = pd.to_datetime(rows[name], utc=True).astype("datetime64[us, UTC]")
    return rows.sort_values(["kind", "subject"], ignore_index=True)
