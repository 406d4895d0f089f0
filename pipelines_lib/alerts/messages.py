"""From alerts to messages: each alert is told once, and nobody is told twenty things at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pipelines_lib.alerts.alert import ANOMALY, COMMITTED, Alert
from pipelines_lib.alerts.outbox import StoredAlert

MOST_MESSAGES = 10
"""Messages of one kind that are told at once; of more alerts, the lightest share the last one."""

MOST_LINES = 20
"""Alerts that a summary lists by their titles; the others are counted."""

MANY = {ANOMALY: "more anomalies"}
"""What a summary calls several alerts of a kind; else `more alerts (KIND)`."""


@dataclass(frozen=True)
class Message:
    """What is sent as one Prefect event. Its id is the same whenever it is sent again."""

    id: UUID
    kind: str
    title: str
    text: str
    subjects: tuple[str, ...]
    details: Mapping[str, Any]
    flow_run_id: str
    members: tuple[StoredAlert, ...]


def find_superseded(untold: Sequence[StoredAlert]) -> list[StoredAlert]:
    """Return what need no longer be told: of new rows, all but the newest word."""
    committed = [one for one in untold if one.alert.kind == COMMITTED]
    newest = max((one.at for one in committed), default=None)
    return [one for one in committed if one.at != newest]


def divide(untold: Sequence[StoredAlert]) -> tuple[list[StoredAlert], list[list[StoredAlert]]]:
    """Return the alerts with a message of their own, and the groups that share one.

    The heaviest of a kind are told by themselves, equal ones the oldest first.
    """
    single: list[StoredAlert] = []
    groups: list[list[StoredAlert]] = []
    for kind in dict.fromkeys(one.alert.kind for one in untold):
        own = [one for one in untold if one.alert.kind == kind and not one.message]
        own.sort(key=lambda one: (-one.alert.weight, one.at, one.alert.subject))
        first = len(own) if len(own) <= MOST_MESSAGES else MOST_MESSAGES - 1
        single += own[:first]
        groups += [own[first:]] if own[first:] else []
    return single, groups


def make_messages(dataset: str, untold: Sequence[StoredAlert]) -> list[Message]:
    """Return what tells these alerts: one message each, or one of all that share its id."""
    shared: dict[str, list[StoredAlert]] = {}
    for one in untold:
        shared.setdefault(one.message or str(message_id(dataset, [one])), []).append(one)
    return [_message(dataset, UUID(name), members) for name, members in shared.items()]


def message_id(dataset: str, members: Sequence[StoredAlert]) -> UUID:
    """Return the id of the message that tells these alerts, made of what they are."""
    said = [
        f"{dataset}/{one.alert.kind}/{one.alert.subject}/{one.at.isoformat()}" for one in members
    ]
    return uuid5(NAMESPACE_URL, "tidewatch:" + "\n".join(sorted(said)))


def _message(dataset: str, name: UUID, members: Sequence[StoredAlert]) -> Message:
    first = members[0]
    if not first.message:
        alert = first.alert
        title, text, details = alert.title, alert.text, alert.details
    else:
        heaviest = sorted(members, key=lambda one: (-one.alert.weight, one.alert.subject))
        title, text = _summary(dataset, [one.alert for one in heaviest])
        details = {}
    subjects = tuple(one.alert.subject for one in members)
    return Message(
        name, first.alert.kind, title, text, subjects, details, first.flow_run_id, tuple(members)
    )


def _summary(dataset: str, alerts: Sequence[Alert]) -> tuple[str, str]:
    kind = alerts[0].kind
    title = f"{dataset}: {len(alerts)} {MANY.get(kind, f'more alerts ({kind})')}"
    lines = [f"- {alert.title.removeprefix(f'{dataset}: ')}" for alert in alerts[:MOST_LINES]]
    if len(alerts) > MOST_LINES:
        lines.append(f"and {len(alerts) - MOST_LINES} more")
    if kind == ANOMALY:
        lines.append(f"All of them: tidewatch events {dataset}")
    return title, "\n".join(lines)
