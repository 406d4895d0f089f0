"""Runs on machines that several share: whoever's heartbeat stops has crashed.

Only beside Postgres: on SQLite this automation stalls the server, and fires at runs that live.
There `deployments/orphans.py` finds them.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from deployments.orphans import several_hosts

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

NAME = "tidewatch: runs without a heartbeat have crashed"
BEAT_S = 30
"""Seconds between two heartbeats of a run (PREFECT_FLOWS_HEARTBEAT_FREQUENCY)."""
MISSED = 3
"""Heartbeats that may fail to come."""


def set_up_heartbeats() -> bool:
    """Make the automation where several hosts share a server, else take it away; return which."""
    from prefect.client.orchestration import get_client

    wanted = several_hosts()
    with get_client(sync_client=True) as client:
        made = client.read_automations_by_name(NAME)
        if wanted and not made:
            client.create_automation(_automation())
        elif not wanted:
            for automation in made:
                client.delete_automation(automation.id)
    return wanted


def _automation() -> "AutomationCore":
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    states = ("Completed", "Failed", "Crashed", "Cancelled")
    ended = {f"prefect.flow-run.{state}" for state in states}
    return AutomationCore(
        name=NAME,
        description="Made by tidewatch serve.",
        enabled=True,
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *ended},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=BEAT_S * MISSED),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message="its heartbeat has stopped: its process or its machine is gone",
            )
        ],
    )
