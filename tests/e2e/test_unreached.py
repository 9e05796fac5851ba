"""A mail server that refuses an address, and the whole service in this process: the fallback contact gets a mail."""

import asyncio
import email
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from email import policy
from pathlib import Path
from typing import Any

import pytest
import structlog

from service.app import App
from service.broker import Publication
from service.consumers.names import HeldName
from service.core.effects import Dead, decode_dead
from service.core.envelope import admit
from service.messages.templates import Templates
from service.settings.load import load
from tests.channels.sink import Sink

pytestmark = pytest.mark.server

CONFIG = Path(__file__).parents[2] / "config"
CHANNELS = """
email: {kind: email, smtp: "smtp://127.0.0.1:%d", from: "Followthrough <ft@example.com>"}
wins: {kind: caught}
"""


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as sink:
        yield sink


@pytest.fixture
async def app(sink: Sink) -> AsyncIterator[App]:
    """The shipped configuration with real mail: Dana is Ana's manager, Rosa the fallback contact."""
    # Not pytest's folder: the embedded server's socket lies in it, and paths of sockets are short.
    folder = Path(tempfile.mkdtemp(prefix="ft-"))
    shutil.copytree(CONFIG, folder / "config")
    (folder / "config" / "channels.yaml").write_text(CHANNELS % sink.port)
    env = {"FOLLOWTHROUGH_DATA_DIR": str(folder / "data"), "FOLLOWTHROUGH_WEB__LISTEN": "127.0.0.1:0"}
    templates = Templates.load(overrides=folder / "none")
    settings = load(folder / "config", env, templates.hashes)
    name = HeldName(settings.service.data_dir, "test")
    app = App(settings, templates, name)
    await app.start()
    running = asyncio.create_task(app.run())
    yield app
    app.stop.set()
    await running
    await app.close()
    name.release()
    shutil.rmtree(folder)


async def promise(app: App, bare_id: str) -> None:
    """Ana promised it for now: she is told that it was missed."""
    now = await app.clock.now()
    data = {
        "commitment_id": bare_id,
        "title": f"Send {bare_id}",
        "owner": "ana",
        "kind": "tour",
        "due_at": now.isoformat(),
    }
    given = {"id": bare_id, "source": "t", "type": "deadline.set", "specversion": "1.0", "data": data}
    event, raw = admit(given, now)
    await app.broker.publish([Publication(event.topic, event.subject, raw)])


async def letters(app: App, count: int) -> list[Dead]:
    """The dead letters of deliveries, once there are so many."""

    async def enough() -> list[Dead]:
        shards = [shard for shard in app.worker.shards if shard.topic == "inbox"]
        found = [record for shard in shards for record in await app.store.dead_letters(shard, 100)]
        return [decode_dead(record.value) for record in found] if len(found) >= count else []

    return await eventually(enough)


async def eventually(ask: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
    """The first answer that is not empty."""
    async with asyncio.timeout(20):
        while True:
            if found := await ask():
                return found
            await asyncio.sleep(0.05)


async def test_the_fallback_contact_gets_a_mail_that_says_who_was_to_be_told_what_and_why_not(app, sink):
    sink.refuses["ana@example.com"] = "550 5.1.1 no such user"
    await promise(app, "c1")

    got = await sink.mail_to("rosa@example.com")

    message = email.message_from_bytes(got.body, policy=policy.default)
    part = message.get_body(("plain",))
    assert part is not None
    text = part.get_content()
    assert message["Subject"] == "Ana Ruiz could not be told: Send c1"
    assert "Ana Ruiz was to get the word that it was missed about this by email" in text
    assert "no such user" in text
    assert "You are the fallback contact." in text
    (letter,) = await letters(app, 1)
    assert (letter.reason, letter.subject) == ("bounced", "deadline/c1")


async def test_what_is_lost_meanwhile_is_one_mail_a_day_later(app, sink):
    sink.refuses["ana@example.com"] = "550 5.1.1 no such user"
    for number in range(1, 4):
        await promise(app, f"c{number}")
        await letters(app, number)
    first = await sink.mail_to("rosa@example.com")

    async def another() -> list[Any]:
        return [mail for mail in sink.mails if mail.to == first.to and mail is not first]

    app.clock.offset += timedelta(days=1, seconds=5)
    (second,) = await eventually(another)

    message = email.message_from_bytes(second.body, policy=policy.default)
    part = message.get_body(("plain",))
    assert part is not None
    text = " ".join(part.get_content().split())
    assert "2 more messages for Ana Ruiz could not be given by email" in text
    assert "- Send c2 - Send c3" in text


async def test_when_the_fallback_contact_is_refused_too_the_log_says_so_once_and_nothing_goes_round(
    app, sink
):
    sink.refuses["ana@example.com"] = sink.refuses["rosa@example.com"] = "550 5.1.1 no such user"

    async def said() -> list[Any]:
        return [line for line in lines if line["event"] == "fallback_contact_unreached"]

    with structlog.testing.capture_logs() as lines:
        await promise(app, "c1")
        await eventually(said)
        await promise(app, "c2")  # and a day's news of it waits for the day to end
        await letters(app, 3)

    errors = [line["event"] for line in lines if line["log_level"] == "error"]
    assert errors == ["fallback_contact_unreached"]
    reasons = sorted(letter.reason for letter in await letters(app, 3))
    assert reasons == ["bounced", "bounced", "fallback_unreached"]
