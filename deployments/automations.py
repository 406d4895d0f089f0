"""Messages to people: Prefect automations that send what the events `tidewatch.*` tell.

Where the settings name a notification block or a webhook, `tidewatch serve` makes them; where
they name neither, it takes away those that it made before.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pipelines_lib.alerts import ABSENT, ANOMALY, PARTIAL, PROMOTED
from pipelines_lib.errors import ConfigError
from pipelines_lib.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation, AutomationCore

BLOCK = "tidewatch-alerts"
"""Name of the webhook block that is made from TIDEWATCH_ALERT_WEBHOOK."""

PREFIX = "tidewatch: tell of "
TOLD = {
    ANOMALY: "anomalies",
    PARTIAL: "partial ingests",
    PROMOTED: "new champions",
    ABSENT: "absent nights",
}
FAILED = "failed runs"
NAMES = tuple(PREFIX + what for what in (*TOLD.values(), FAILED))

SUBJECT = "{{ event.payload.title }}"
BODY = "{{ event.payload.text }}{% if event.payload.link %}\n{{ event.payload.link }}{% endif %}"
FAILED_EVENTS = ("Failed", "Crashed", "TimedOut")
FAILED_SUBJECT = "{{ deployment.name }}: run {{ flow_run.name }} ended {{ flow_run.state.name }}"
FAILED_BODY = "{{ flow_run.state.message }}"


def set_up_alerts(settings: Settings, jobs: Sequence[str]) -> None:
    """Bring Prefect's automations in line with the settings; what is so already stays untouched.

    One that a person has paused on Prefect's page stays paused.

    Args:
        settings: They name the block, or the webhook.
        jobs: Names of the jobs whose failed runs are told of.

    Raises:
        ConfigError: The block does not exist or notifies nobody, or both are set.
    """
    from prefect.client.orchestration import get_client

    webhook = settings.alert_webhook.get_secret_value()
    if webhook and settings.alert_block:
        raise ConfigError(
            "TIDEWATCH_ALERT_BLOCK and TIDEWATCH_ALERT_WEBHOOK are both set: take one away"
        )
    if webhook:
        _save_webhook(webhook)
    with get_client(sync_client=True) as client:
        if not webhook:
            _forget_webhook(client)
        name = f"custom-webhook/{BLOCK}" if webhook else settings.alert_block
        if not name:
            for old in _made_before(client).values():
                client.delete_automation(old.id)
            return
        wanted = make_automations(_find_block(client, name), jobs)
        made = _made_before(client)
        for automation in wanted:
            before = made.get(automation.name)
            if before is None:
                client.create_automation(automation)
            elif _content(before) != _content(automation):
                automation.enabled = before.enabled
                client.update_automation(before.id, automation)


def make_automations(block: UUID, jobs: Sequence[str]) -> list["AutomationCore"]:
    """Return an automation for each kind of alert and one for failed runs, all to one block."""
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    telling = [
        AutomationCore(
            name=PREFIX + what,
            description=f"Sends what tidewatch.{kind} tells. Made by tidewatch serve.",
            enabled=True,
            trigger=EventTrigger(
                expect={f"tidewatch.{kind}"},
                match={"prefect.resource.id": "tidewatch.dataset.*"},
                posture=Posture.Reactive,
                threshold=1,
                within=0,
            ),
            actions=[SendNotification(block_document_id=block, subject=SUBJECT, body=BODY)],
        )
        for kind, what in TOLD.items()
    ]
    failed = AutomationCore(
        name=PREFIX + FAILED,
        description="Sends why a run of a job failed or crashed. Made by tidewatch serve.",
        enabled=True,
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in FAILED_EVENTS},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={
                "prefect.resource.role": "deployment",
                "prefect.resource.name": sorted(jobs),
            },
            posture=Posture.Reactive,
            threshold=1,
            within=0,
        ),
        actions=[
            SendNotification(
                block_document_id=block, subject=FAILED_SUBJECT, body=FAILED_BODY + _run_link()
            )
        ],
    )
    return [*telling, failed]


def _run_link() -> str:
    """Return the line that leads to the run, empty where the page's address is not known."""
    from prefect.settings import get_current_settings

    page = get_current_settings().ui_url
    return f"\n{page}/runs/flow-run/{{{{ flow_run.id }}}}" if page else ""


def _save_webhook(url: str) -> None:
    """Save the block; the address is one of its secrets, which Prefect keeps encrypted."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    block = CustomWebhookNotificationBlock(
        name=BLOCK,
        url="{{webhook}}",
        json_data={"subject": "{{subject}}", "body": "{{body}}", "text": "{{subject}}\n{{body}}"},
        secrets={"webhook": url},
    )
    block.save(BLOCK, overwrite=True)


def _forget_webhook(client: "SyncPrefectClient") -> None:
    from prefect.exceptions import ObjectNotFound

    try:
        document = client.read_block_document_by_name(BLOCK, "custom-webhook")
    except ObjectNotFound:
        return
    client.delete_block_document(document.id)


def _find_block(client: "SyncPrefectClient", slug: str) -> UUID:
    from prefect.exceptions import ObjectNotFound

    kind, _, name = slug.partition("/")
    refused = (
        f"TIDEWATCH_ALERT_BLOCK={slug} is no notification block on the Prefect server: make one on "
        "its page under Blocks, and name it as TYPE/NAME, for instance slack-webhook/nights"
    )
    if not kind or not name:
        raise ConfigError(refused)
    try:
        document = client.read_block_document_by_name(name, kind)
    except ObjectNotFound as error:
        raise ConfigError(refused) from error
    schema = document.block_schema
    if schema is None or "notify" not in schema.capabilities:
        raise ConfigError(refused)
    return document.id


def _made_before(client: "SyncPrefectClient") -> dict[str, "Automation"]:
    found = (client.read_automations_by_name(name) for name in NAMES)
    return {
        name: automations[0] for name, automations in zip(NAMES, found, strict=True) if automations
    }


def _content(automation: "AutomationCore") -> object:
    """Return what an automation does, without the ids that the server gives and the switch."""
    said = automation.model_dump(mode="json", include={"description", "trigger", "actions"})
    said["trigger"].pop("id", None)
    said["trigger"]["expect"] = sorted(said["trigger"]["expect"])
    return said
