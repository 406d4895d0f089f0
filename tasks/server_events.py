"""Prefect's server as the place of events: sent, and seen there, before they count as told.

`emit_event` hands an event to a thread that confirms nothing; here it is POSTed, and read back.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.events import Event

REQUEST_TIMEOUT_S = 20
ASKED_EVERY_S = 0.1
SEEN_WITHIN_S = 15
"""Prefect writes events to its database in batches, every 5 s if nobody has set it otherwise."""

KEPT = timedelta(days=7)
"""How long Prefect keeps events, if nobody has set it otherwise."""


@contextmanager
def open_server() -> Iterator["SyncPrefectClient"]:
    """Open a client that gives up within a minute: a night does not wait for its alerts."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}),
        get_client(sync_client=True, httpx_settings={"timeout": REQUEST_TIMEOUT_S}) as client,
    ):
        yield client


def find_events(client: "SyncPrefectClient", ids: Sequence[UUID]) -> set[UUID]:
    """Return those of these events that the server's database has."""
    if not ids:
        return set()
    now = datetime.now(UTC)
    query = {
        "limit": 50,
        "filter": {
            "id": {"id": [str(one) for one in ids]},
            "occurred": {
                "since": (now - KEPT - timedelta(days=1)).isoformat(),
                "until": (now + timedelta(days=1)).isoformat(),
            },
        },
    }
    page = client.request("POST", "/events/filter", json=query).json()
    found = {UUID(event["id"]) for event in page["events"]}
    while page.get("next_page"):
        page = client.request("GET", "/events/filter/next", params=_token(page["next_page"])).json()
        found |= {UUID(event["id"]) for event in page["events"]}
    return found


def post_events(client: "SyncPrefectClient", events: Sequence["Event"]) -> None:
    """Send events, and wait until the server's database has them.

    A server that has taken them and still answers, but has written none by then, is believed: it
    may keep no events.
    """
    if not events:
        return
    body = [event.model_dump(mode="json") for event in events]
    client.request("POST", "/events", json=body)
    waiting, deadline = {event.id for event in events}, time.monotonic() + SEEN_WITHIN_S
    while waiting and time.monotonic() < deadline:
        time.sleep(ASKED_EVERY_S)
        waiting -= find_events(client, sorted(waiting))


def _token(link: str) -> dict[str, str]:
    from urllib.parse import parse_qs, urlparse

    return {"page-token": parse_qs(urlparse(link).query)["page-token"][0]}
