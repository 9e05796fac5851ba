"""The whole way by Slack, with the whole service in this process: an event, a message to its owner, a button, and the
message that shows what became of it."""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from service.app import App
from service.consumers.names import HeldName
from service.core.model import Commitment, decode_state
from service.messages.templates import Templates
from service.settings.load import load
from service.store.contract import Shard
from tests.channels.sink import CERTIFICATE
from tests.channels.slack_server import SIGNING_SECRET, TOKEN, Slack, member
from tests.channels.vendor import Vendor
from tests.web.slack_world import names, signed

pytestmark = pytest.mark.server

CONFIG = Path(__file__).parents[2] / "config"
CHANNELS = """
email: {kind: caught}
wins: {kind: caught}
slack:
  kind: slack
  token: "${SLACK_TOKEN}"
  signing_secret: "${SLACK_SIGNING_SECRET}"
  api_url: "%s"
  allow_private: ["127.0.0.0/8", "::1/128"]
"""


class Service:
    """The running service, and the Slack it speaks to."""

    def __init__(self, app: App, client: aiohttp.ClientSession, slack: Slack, vendor: Vendor) -> None:
        self.app, self.client, self.slack, self.vendor = app, client, slack, vendor

    async def promise(self, **fields: Any) -> None:
        due_at = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
        data = {
            "commitment_id": "c1",
            "title": "Send the offer",
            "owner": "ana",
            "kind": "tour",
            "due_at": due_at,
        }
        event = {"specversion": "1.0", "id": "1", "source": "t", "type": "deadline.set", "data": data}
        headers = {"Content-Type": "application/cloudevents+json"}
        async with self.client.post("/v1/events", data=json.dumps(event), headers=headers) as response:
            assert response.status == 202

    async def state(self) -> Commitment:
        shard = Shard("deadlines", self.app.broker.partition("deadline/c1"))
        [raw] = await self.app.store.load(shard, ["deadline/c1"])
        assert raw is not None
        state = decode_state(raw)
        assert isinstance(state, Commitment)
        return state

    async def press(self, message: dict[str, Any], name: str) -> None:
        elements = [e for b in message["blocks"] if b["type"] == "actions" for e in b["elements"]]
        payload = {
            "type": "block_actions",
            "user": {"id": "U0ANA"},
            "channel": {"id": "D0ANA"},
            "message": message,
            "actions": [next(one for one in elements if one["action_id"].startswith(name))],
            "response_url": "",
        }
        await self.send("interactions", {"payload": json.dumps(payload)})

    async def send(self, where: str, form: dict[str, str]) -> str:
        body = urlencode(form).encode()
        path, headers = f"/integrations/slack/{where}", signed(body, time.time())
        async with self.client.post(path, data=body, headers=headers) as response:
            assert response.status == 200
            return await response.text()


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """The shipped configuration; Ana is told in Slack, where she is found by her mail address."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    slack = Slack(members={"U0ANA": member("ana@example.com")})
    # Not pytest's folder: the embedded server's socket lies in it, and paths of sockets are short.
    folder = Path(tempfile.mkdtemp(prefix="ft-"))
    shutil.copytree(CONFIG, folder / "config")
    directory = folder / "config" / "directory.yaml"
    ana = "email: ana@example.com,"
    directory.write_text(directory.read_text().replace(ana, f"{ana} channels: [slack],"))
    async with Vendor(judge=slack.judge) as vendor:
        (folder / "config" / "channels.yaml").write_text(CHANNELS % vendor.url("/api/"))
        env = {
            "FOLLOWTHROUGH_DATA_DIR": str(folder / "data"),
            "FOLLOWTHROUGH_WEB__LISTEN": "127.0.0.1:0",
            "SLACK_TOKEN": TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        }
        templates = Templates.load()
        settings = load(folder / "config", env, templates.hashes)
        name = HeldName(settings.service.data_dir, "test")
        app = App(settings, templates, name)
        await app.start()
        served = asyncio.Event()
        app.web.on_ready = served.set
        running = asyncio.create_task(app.run())
        await served.wait()
        async with aiohttp.ClientSession(app.web.url) as client:
            yield Service(app, client, slack, vendor)
        app.stop.set()
        await running
        await app.close()
        name.release()
    shutil.rmtree(folder)


def says(message: dict[str, Any], text: str) -> bool:
    return text in json.dumps(message, ensure_ascii=False)


async def test_from_an_event_to_a_button_in_slack_and_back_into_the_message(service: Service) -> None:
    slack, vendor = service.slack, service.vendor
    await service.promise()

    await vendor.until(lambda: any("acknowledge" in names(one) for one in slack.said("D0ANA")))
    await service.press(slack.said("D0ANA")[0], "acknowledge")
    await vendor.until(lambda: says(slack.said("D0ANA")[0], "You’re on it"))
    assert [run.ack.by for run in (await service.state()).moments["due"].runs if run.ack] == ["ana"]

    form = {"user_id": "U0ANA", "command": "/done", "text": "send the offer", "trigger_id": "1.2.3"}
    assert "Send the offer: Done. Thank you." in await service.send("commands", form)
    await vendor.until(lambda: names(slack.said("D0ANA")[0]) == ["open"])
    assert (await service.state()).status == "met"
    first, *later = slack.said("D0ANA")
    assert [one["thread_ts"] for one in later] == [first["ts"]] * len(later)
