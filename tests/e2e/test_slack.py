"""The whole way by Slack: an event, a message to its owner, a button, and the message that shows what became of it."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.channels.sink import CERTIFICATE
from tests.channels.slack_server import SIGNING_SECRET, TOKEN, Slack, member
from tests.channels.vendor import Vendor
from tests.e2e.service_process import RunningService, running
from tests.web.slack_world import names, signed

pytestmark = pytest.mark.server


def in_slack(config: Path, url: str) -> None:
    """Ana and Dana are told in Slack."""
    (config / "channels.yaml").write_text(
        "email: {kind: caught}\nwins: {kind: caught}\n"
        'slack: {kind: slack, token: "${SLACK_TOKEN}", signing_secret: "${SLACK_SIGNING_SECRET}",'
        f' api_url: "{url}", allow_private: ["127.0.0.0/8", "::1/128"]}}\n'
    )
    directory = config / "directory.yaml"
    told = directory.read_text().replace(
        "email: ana@example.com,", "email: ana@example.com, channels: [slack],"
    )
    directory.write_text(told)


async def press(service: RunningService, message: dict[str, Any], name: str) -> None:
    element = next(
        e
        for b in message["blocks"]
        if b["type"] == "actions"
        for e in b["elements"]
        if e["action_id"].startswith(name)
    )
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ANA"},
        "channel": {"id": "D0ANA"},
        "message": message,
        "actions": [element],
        "response_url": "",
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    await send(service, "interactions", body)


async def send(service: RunningService, where: str, body: bytes) -> str:
    headers = signed(body, time.time())
    async with service.client.post(f"/integrations/slack/{where}", data=body, headers=headers) as response:
        assert response.status == 200
        return await response.text()


def says(message: dict[str, Any], text: str) -> bool:
    return text in json.dumps(message, ensure_ascii=False)


async def test_from_an_event_to_a_button_in_slack_and_back_into_the_message() -> None:
    slack = Slack(members={"U0ANA": member("ana@example.com")})
    async with Vendor(judge=slack.judge) as vendor:
        keys = {
            "SLACK_TOKEN": TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "SSL_CERT_FILE": str(CERTIFICATE),
        }
        async with running(lambda config: in_slack(config, vendor.url("/api/")), **keys) as service:
            due_at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
            fields = {"commitment_id": "c1", "title": "Send the offer", "owner": "ana", "kind": "tour"}
            await service.publish("deadline.set", **fields, due_at=due_at)

            await vendor.until(lambda: any("acknowledge" in names(one) for one in slack.said("D0ANA")))
            first = slack.said("D0ANA")[0]
            await press(service, first, "acknowledge")
            await vendor.until(lambda: says(slack.said("D0ANA")[0], "You’re on it"))
            decided = await service.commitment("c1")
            assert "acknowledged" in str(decided["decisions"])

            form = {"user_id": "U0ANA", "command": "/done", "text": "send the offer", "trigger_id": "1.2.3"}
            said = await send(service, "commands", urlencode(form).encode())
            assert "Send the offer: Done. Thank you." in said
            await vendor.until(lambda: names(slack.said("D0ANA")[0]) == ["open"])
            assert (await service.commitment("c1"))["status"] == "met"
    assert [one.get("thread_ts") for one in slack.said("D0ANA")[1:]] == [first["ts"]] * (
        len(slack.posted) - 1
    )
