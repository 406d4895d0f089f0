"""Tell people: alerts go to the lake's outbox, and at a run's end to Prefect, each once.

A Prefect event `tidewatch.KIND` tells one alert, or several; automations make messages of events
(`deployments/automations.py`).
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect.logging import get_logger
from prefect.runtime import flow_run
from prefect.settings import get_current_settings

from pipelines_lib.alerts import Alert
from pipelines_lib.errors import TidewatchError
from tasks.server_events import KEPT, find_events, open_server, post_events

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.events import Event

    from pipelines_lib.alerts.messages import Message
    from pipelines_lib.alerts.outbox import StoredAlert
    from pipelines_lib.lake import Lake

WORTH_TELLING: timedelta = KEPT
"""An alert that could not be told for longer is marked as expired. Prefect forgets events after as
long, and could no longer say whether it had it already."""


def raise_alerts(lake: "Lake", dataset: str, alerts: Sequence[Alert], *, at: datetime) -> int:
    """Note alerts and tell them at once, as `note_alerts` and `tell_alerts` do."""
    note_alerts(lake, dataset, alerts, at=at)
    return tell_alerts(lake, dataset, at=at)


def note_alerts(lake: "Lake", dataset: str, alerts: Sequence[Alert], *, at: datetime) -> None:
    """Store alerts that are new, as of the flow run that this is; its job tells them at its end.

    Args:
        lake: Where the outbox lies.
        dataset: Name of the dataset.
        alerts: What to tell; may be none.
        at: Now, with a time zone.

    Raises:
        ConfigError: An alert is of an unknown kind.
        LakeError: The outbox cannot be read or written.
    """
    from pipelines_lib.alerts.outbox import store_alerts

    store_alerts(lake, dataset, alerts, at=at, flow_run_id=str(flow_run.id or ""))


def tell_alerts(lake: "Lake", dataset: str, *, at: datetime) -> int:
    """Tell every alert of a dataset that is not told yet, and count those told now.

    Works within a flow run and outside of one. While the server is away they stay untold, the run
    goes on with a warning, and the next call for the dataset tells them. Without a server
    (PREFECT_API_URL) nobody would hear of an event: the run itself tells them, in its log.

    Args:
        lake: Where the outbox lies.
        dataset: Name of the dataset.
        at: Now, with a time zone.

    Raises:
        LakeError: The outbox cannot be read or written.
    """
    from pipelines_lib.alerts.messages import find_superseded
    from pipelines_lib.alerts.outbox import (
        EXPIRED,
        SUPERSEDED,
        TOLD_BY_RUN,
        mark_alerts,
        read_untold,
    )

    untold = read_untold(lake, dataset)
    late = find_superseded(untold)
    mark_alerts(lake, dataset, late, SUPERSEDED, at)
    old = [one for one in untold if at - one.at > WORTH_TELLING and one not in late]
    mark_alerts(lake, dataset, old, EXPIRED, at)
    waiting = [one for one in untold if one not in late and one not in old]
    if not waiting:
        return 0
    if not get_current_settings().api.url:
        for one in waiting:
            _logger().info("alert %s: %s", one.alert.kind, one.alert.title)
        mark_alerts(lake, dataset, waiting, TOLD_BY_RUN, at)
        return len(waiting)
    try:
        with open_server() as client:
            return _tell(client, lake, dataset, waiting, at)
    except TidewatchError:
        raise
    except Exception as error:  # of many kinds: a server that is away stops no night
        _logger().warning(
            "%s: %d alerts cannot be told now, and will be by the next run: %s: %s",
            dataset,
            len(waiting),
            type(error).__name__,
            error,
        )
        return 0


def _tell(
    client: "SyncPrefectClient",
    lake: "Lake",
    dataset: str,
    waiting: Sequence["StoredAlert"],
    at: datetime,
) -> int:
    """Tell what the server has not heard yet, and mark all of it."""
    from pipelines_lib.alerts.messages import divide, make_messages, message_id
    from pipelines_lib.alerts.outbox import TOLD_BY_PREFECT, join_message, mark_alerts

    # Before anything else: whoever sent these may have died before marking them.
    before = make_messages(dataset, waiting)
    known = find_events(client, [message.id for message in before])
    mark_alerts(lake, dataset, _members(before, known), TOLD_BY_PREFECT, at)
    left = [m for message in before if message.id not in known for m in message.members]
    single, groups = divide(left)
    told = [*single, *[one for one in left if one.message]]
    for group in groups:
        told += join_message(lake, dataset, group, str(message_id(dataset, group)))
    messages = make_messages(dataset, told)
    post_events(client, [_event(dataset, message) for message in messages])
    mark_alerts(lake, dataset, told, TOLD_BY_PREFECT, at)
    return len(told)


def _members(messages: Sequence["Message"], known: set[Any]) -> list["StoredAlert"]:
    return [member for message in messages if message.id in known for member in message.members]


def _event(dataset: str, message: "Message") -> "Event":
    from prefect.events.schemas.events import Event

    related, link = [], ""
    if message.flow_run_id:
        related = [
            {
                "prefect.resource.id": f"prefect.flow-run.{message.flow_run_id}",
                "prefect.resource.role": "flow-run",
            }
        ]
        link = _run_link(message.flow_run_id)
    return Event.model_validate(
        {
            "id": message.id,
            "event": f"tidewatch.{message.kind}",
            # When it is told: automations pass over events that seem to come from the past.
            "occurred": datetime.now(UTC),
            "resource": {
                "prefect.resource.id": f"tidewatch.dataset.{dataset}",
                "prefect.resource.name": dataset,
            },
            "related": related,
            "payload": {
                "title": message.title,
                "text": message.text,
                "subject": message.subjects[0] if len(message.subjects) == 1 else "",
                "subjects": list(message.subjects),
                "dataset": dataset,
                "link": link,
                "raised_at": min(one.at for one in message.members).isoformat(),
                **message.details,
            },
        }
    )


def _run_link(flow_run_id: str) -> str:
    """Return the address of a run on Prefect's page; empty where it is not known."""
    from prefect.utilities.urls import url_for

    return url_for("flow-run", obj_id=flow_run_id) or ""


def _logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    """Return the run's logger; outside of a run one of this module."""
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("tidewatch.alerts")
