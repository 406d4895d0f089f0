"""What `tidewatch serve` makes of the settings of alerts, on a real Prefect server."""

import json

import pytest
import requests
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, get_current_settings, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from deployments.automations import BLOCK, NAMES, set_up_alerts
from deployments.environment import load_settings
from pipelines_lib.errors import ConfigError
from pipelines_lib.settings import Settings

WEBHOOK = "https://hooks.example.com/services/T0/5up3r-53cr3t"


@pytest.fixture(scope="module", autouse=True)
def server():
    with (
        temporary_settings({PREFECT_API_REQUEST_TIMEOUT: 180}),
        prefect_test_harness(server_startup_timeout=120),
    ):
        yield


def automations():
    with get_client(sync_client=True) as client:
        return {one.name: one for one in client.read_automations()}


def blocks():
    with get_client(sync_client=True) as client:
        return {document.name for document in client.read_block_documents()}


def test_set_up_alerts_again_changes_nothing_and_without_a_setting_takes_all_away():
    set_up_alerts(Settings(alert_webhook=WEBHOOK), ["b", "a"])
    made = automations()
    assert set(made) == set(NAMES)
    set_up_alerts(Settings(alert_webhook=WEBHOOK), ["a", "b"])
    assert automations() == made
    failed = made[NAMES[-1]].trigger
    assert failed.expect == {f"prefect.flow-run.{s}" for s in ("Failed", "Crashed", "TimedOut")}
    assert failed.match_related.model_dump()["prefect.resource.name"] == ["a", "b"]

    set_up_alerts(Settings(), ["a"])
    assert automations() == {}
    assert BLOCK not in blocks()


def test_set_up_alerts_brings_what_has_changed_and_leaves_what_is_paused():
    set_up_alerts(Settings(alert_webhook=WEBHOOK), ["a"])
    made = automations()
    failed = NAMES[-1]
    with get_client(sync_client=True) as client:
        client.pause_automation(made[failed].id)
    set_up_alerts(Settings(alert_webhook=WEBHOOK), ["a", "new"])
    changed = automations()
    assert changed[failed].id == made[failed].id
    assert changed[failed].trigger.match_related.model_dump()["prefect.resource.name"] == [
        "a",
        "new",
    ]
    assert not changed[failed].enabled
    assert all(changed[name] == made[name] for name in NAMES[:-1])


def test_set_up_alerts_takes_a_block_that_a_person_made():
    CustomWebhookNotificationBlock(name="nights", url="https://chat.example.com").save("nights")
    set_up_alerts(Settings(alert_webhook=WEBHOOK), ["a"])
    set_up_alerts(Settings(alert_block="custom-webhook/nights"), ["a"])
    with get_client(sync_client=True) as client:
        wanted = client.read_block_document_by_name("nights", "custom-webhook").id
    told = {action.block_document_id for one in automations().values() for action in one.actions}
    assert told == {wanted}
    assert BLOCK not in blocks()  # the webhook's address is not kept any longer


def test_set_up_alerts_refuses_what_notifies_nobody():
    Secret(value="x").save("hidden")
    for name in ("nights", "slack-webhook/none", "secret/hidden"):
        with pytest.raises(ConfigError, match=f"TIDEWATCH_ALERT_BLOCK={name} is no notification"):
            set_up_alerts(Settings(alert_block=name), ["a"])
    both = Settings(alert_block="custom-webhook/nights", alert_webhook=WEBHOOK)
    with pytest.raises(ConfigError, match="are both set"):
        set_up_alerts(both, ["a"])


def test_the_webhook_is_shown_by_no_answer_and_no_error(monkeypatch):
    set_up_alerts(Settings(alert_webhook=WEBHOOK), ["a"])
    place = get_current_settings().api.url
    for path in ("block_documents/filter", "automations/filter", "events/filter"):
        said = requests.post(f"{place}/{path}", json={}, timeout=30)
        assert said.ok
        assert "53cr3t" not in said.text
    listed = requests.post(f"{place}/block_documents/filter", json={}, timeout=30).json()
    assert BLOCK in {document["name"] for document in listed}
    assert "53cr3t" not in repr(Settings(alert_webhook=WEBHOOK))
    assert "53cr3t" not in json.dumps(Settings(alert_webhook=WEBHOOK).model_dump(mode="json"))

    monkeypatch.setenv("TIDEWATCH_ALERT_WEBHOOK", WEBHOOK.removeprefix("https://"))
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert "TIDEWATCH_ALERT_WEBHOOK=***: " in str(refused.value)
    assert "53cr3t" not in str(refused.value)
