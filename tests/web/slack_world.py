"""The pages' world with a Slack app: requests signed by Slack's own SDK, and a Slack that keeps books."""

import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as with_
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest
from prometheus_client import generate_latest
from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier

from service.channels.contract import Outlets
from service.channels.slack import SlackChannel
from service.core.view import facts
from service.messages.render import render
from service.settings.slack import SlackChannel as Settings
from service.web import answering
from service.web import slack as slack_routes
from tests.channels.hooks import LOOPBACK
from tests.channels.messages import templates
from tests.channels.sink import CERTIFICATE
from tests.channels.slack_server import SIGNING_SECRET, TOKEN, Slack, member
from tests.channels.vendor import Vendor
from tests.web.pages_world import PagesWorld, owed, serving

_presses = itertools.count(1)


def signed(body: bytes, at: float, secret: str = SIGNING_SECRET) -> dict[str, str]:
    """The headers that Slack sends with a body."""

    class Then(SlackClock):
        def now(self) -> float:
            return at

    timestamp = str(int(at))
    signature = SignatureVerifier(secret, Then()).generate_signature(timestamp=timestamp, body=body)
    assert signature is not None
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature,
    }


class SlackWorld(PagesWorld):
    def __init__(self, vendor: Vendor, slack: Slack) -> None:
        super().__init__()
        self.vendor, self.slack = vendor, slack
        settings = Settings(
            kind="slack",
            token=TOKEN,
            signing_secret=SIGNING_SECRET,
            api_url=vendor.url("/api/"),
            allow_private=LOOPBACK,
        )
        outlets = Outlets(self.store.catch, self.store.now, self.store.keep, self.store.kept)
        self.channel = SlackChannel.of("slack", settings, outlets)
        self.settings = with_(self.settings, channels={"slack": settings})
        self.deps = with_(self.deps, channels={"slack": self.channel})
        self.web: aiohttp.ClientSession

    async def tell(self, person: str = "ana", template: str = "missed", **changes: Any) -> dict[str, Any]:
        """A message to somebody about c1, as delivery sends it; what Slack has of it."""
        state = await self.state()
        moment = state.moments["due"]
        about = owed(person, moment.changed, self.at)
        about = msgspec.structs.replace(
            about,
            key=f"k{next(_presses)}",
            channel="slack",
            template=template,
            template_hash=templates().hashes[template],
            facts=facts("deadline/c1", state, moment),
            **changes,
        )
        reader = self.settings.book.reader(person)
        message = render(about, reader, self.settings.book.name, templates(), self.links)
        await self.channel.send(about, message, reader.addresses["email"])
        return list(self.slack.posted.values())[-1]

    def figures(self) -> str:
        """As `/metrics` has them."""
        return generate_latest(self.metrics.registry).decode()

    # -- Slack's part -----------------------------------------------------------------------------------------------
    async def press(self, message: dict[str, Any], name: str, member_id: str = "U0ANA", **more: Any) -> int:
        """Press a button, as Slack reports it; `until` chooses in a menu."""
        body, headers = self.pressed(message, name, member_id, **more)
        return await self.post("interactions", body, headers)

    def pressed(
        self,
        message: dict[str, Any],
        name: str,
        member_id: str = "U0ANA",
        *,
        until: str = "",
        token: str = "",
        teams: dict[str, Any] | None = None,
    ) -> tuple[bytes, dict[str, str]]:
        elements = [e for b in message["blocks"] if b["type"] == "actions" for e in b["elements"]]
        element = next(one for one in elements if one["action_id"].startswith(f"{name}."))
        action = {"type": element["type"], "action_id": element["action_id"], "block_id": "b"}
        if until:
            action["selected_option"] = next(one for one in element["options"] if one["value"] == until)
        elif "value" in element:
            action["value"] = token or element["value"]
        channel = next(where for (where, ts) in self.slack.posted if ts == message["ts"])
        payload = {
            "type": "block_actions",
            "team": {"id": "T0ACME", "domain": "acme"},
            "user": {"id": member_id, "team_id": "T0ACME", "username": "x"},
            "container": {"type": "message", "message_ts": message["ts"], "channel_id": channel},
            "trigger_id": f"1.2.{next(_presses)}",
            "channel": {"id": channel, "name": "directmessage"},
            "message": {"type": "message", **message},
            "actions": [{**action, "action_ts": f"{time.time():.6f}"}],
            "response_url": self.vendor.url(f"/reply/{member_id}"),
            **(teams or {}),
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return body, signed(body, self.at.timestamp())

    async def post(self, where: str, body: bytes, headers: dict[str, str]) -> int:
        async with self.web.post(f"/integrations/slack/{where}", data=body, headers=headers) as response:
            self.answer = await response.read()
            return response.status

    async def type(self, command: str, text: str = "", member_id: str = "U0ANA", **more: str) -> str:
        """Type a slash command; the answer that its author reads."""
        form = {
            "team_id": "T0ACME",
            "user_id": member_id,
            "command": command,
            "text": text,
            "channel_id": "C0WINS",
            "trigger_id": f"3.4.{next(_presses)}",
            "response_url": self.vendor.url(f"/reply/{member_id}"),
            **more,
        }
        body = urlencode(form).encode()
        assert await self.post("commands", body, signed(body, self.at.timestamp())) == 200
        found = json.loads(self.answer)
        assert found["response_type"] == "ephemeral"
        return str(found["text"])

    async def goes_on(self) -> None:
        """The engine is no longer held, whether an answer has been published by now or comes a moment later."""
        self.is_held = False
        await self.catch_up()

    async def told(self, count: int = 1) -> str:
        """What was answered at `response_url`, when there are so many answers."""
        await self.vendor.until(lambda: len(self.slack.replies) >= count)
        reply = self.slack.replies[count - 1]
        assert (reply["response_type"], reply["replace_original"]) == ("ephemeral", False)
        return str(reply["text"])

    async def shows(self, message: dict[str, Any], text: str) -> dict[str, Any]:
        """The message as it stands once this stands in it."""
        key = next(key for key in self.slack.posted if key[1] == message["ts"])
        await self.vendor.until(lambda: text in json.dumps(self.slack.posted[key], ensure_ascii=False))
        return self.slack.posted[key]


@asynccontextmanager
async def slack_world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlackWorld]:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    # A person does not wait for a busy machine; a test does.
    monkeypatch.setattr(answering, "APPLIED_WITHIN_S", 20)
    monkeypatch.setattr(slack_routes, "ANSWER_WITHIN_S", 20)
    slack = Slack(members={"U0ANA": member("ana@example.com"), "U0DANA": member("dana@example.com")})
    async with Vendor(judge=slack.judge) as vendor:
        world = SlackWorld(vendor, slack)
        async with serving(world.app()) as url, aiohttp.ClientSession(url) as world.web:
            await world.promise()
            yield world
        await world.channel.close()


def names(message: dict[str, Any]) -> list[str]:
    """Of the buttons, in order."""
    elements = [e for b in message["blocks"] if b["type"] == "actions" for e in b["elements"]]
    return [one["action_id"].partition(".")[0] for one in elements]
