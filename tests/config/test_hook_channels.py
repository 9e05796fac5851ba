"""Channels with a URL as channels.yaml has them: where their secrets come from, and who may share one."""

import base64
import shutil
from pathlib import Path

import pytest

from service.settings.hooks import TeamsWebhookChannel, WebhookChannel
from service.settings.load import load

GOOD = Path(__file__).with_name("good")
NEW, OLD = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOOD, tmp_path / "config"))


def test_url_and_secrets_come_from_the_environment_or_a_file(config: Path) -> None:
    (config / "teams.url").write_text("https://prod-1.logic.azure.com/workflows/x?sig=a_b\n")
    (config / "crm.secret").write_text(f"whsec_{NEW}\nwhsec_{OLD}\n")
    (config / "channels.yaml").write_text(
        "email: {kind: caught}\nwins: {kind: caught}\n"
        "sales: {kind: teams_webhook, url_file: teams.url, envelope: bare}\n"
        'crm: {kind: webhook, url: "${CRM_URL}", secret_file: crm.secret, allow_private: [10.1.0.0/16]}\n'
        'erp: {kind: webhook, url: "${CRM_URL}", secret: "whsec_${NEW} whsec_${OLD}"}\n'
    )

    channels = load(config, {"CRM_URL": "https://crm.example.com/in", "NEW": NEW, "OLD": OLD}).channels

    sales, crm, erp = channels["sales"], channels["crm"], channels["erp"]
    assert isinstance(sales, TeamsWebhookChannel)
    assert isinstance(crm, WebhookChannel)
    assert isinstance(erp, WebhookChannel)
    assert (sales.to.url, sales.envelope) == (
        "https://prod-1.logic.azure.com/workflows/x?sig=a_b",
        "bare",
    )
    assert crm.secrets == erp.secrets == (b"\x01" * 32, b"\x02" * 32)
    assert [str(one) for one in crm.opened] == ["10.1.0.0/16"]
    assert (crm.to.host, erp.opened) == ("crm.example.com", ())


def test_two_people_in_one_chat_channel_are_warned_of(config: Path) -> None:
    (config / "channels.yaml").write_text(
        "email: {kind: caught}\n"
        'wins: {kind: slack_webhook, url: "https://hooks.slack.com/services/secret-canary"}\n'
        'mine: {kind: slack_webhook, url: "https://hooks.slack.com/services/another"}\n'
    )
    (config / "directory.yaml").write_text(
        "people:\n"
        "  - {id: ana, name: Ana, roles: [ops], channels: [mine, wins]}\n"
        "  - {id: leo, name: Leo, channels: [wins]}\n"
        "teams:\n"
        "  - {id: east, name: East, lead: leo, channels: [wins]}\n"
    )

    (said,) = [one for one in load(config, {}).warnings if "one place in chat" in one.message]

    assert said.message == (
        "`wins` is one place in chat, and `ana` is told there too: each could answer for the other"
    )
    assert said.line == 3
    assert "canary" not in said.render()
