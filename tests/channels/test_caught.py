"""What a caught message keeps, and which channels are caught."""

import json
from datetime import UTC, datetime

from service.channels import Channels, Outlets
from service.settings.channels import CaughtChannel as CaughtSettings
from tests.channels.samples import ANA, MESSAGE, owed

NOW = datetime(2026, 11, 24, 13, 0, 0, 250_000, tzinfo=UTC)


class Kept:
    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def catch(self, value: bytes) -> str:
        self.values.append(value)
        return f"{len(self.values)}-0"

    async def now(self) -> datetime:
        return NOW

    @property
    def outlets(self) -> Outlets:
        return Outlets(self.catch, self.now)


async def test_a_caught_message_has_the_fields_of_the_outside_contract() -> None:
    kept = Kept()
    channels = Channels({"email": CaughtSettings(kind="caught")}, kept.outlets)

    await channels["email"].send(owed(), MESSAGE, ANA)

    (value,) = kept.values
    caught = json.loads(value)
    assert list(caught)[:13] == [
        "at", "to", "channel", "template", "policy", "step", "subject", "reason", "key", "title", "text", "html",
        "links",
    ]  # fmt: skip
    assert caught["at"] == "2026-11-24T13:00:00.250000Z"
    assert (caught["to"], caught["channel"], caught["address"]) == ("ana", "email", ANA)
    assert caught["reason"] == "manager: 1 day after the deadline"
    assert caught["title"] == MESSAGE.subject
    assert caught["links"] == [
        {"name": "acknowledge", "label": "I'm on it", "url": "http://127.0.0.1:8080/a/token"}
    ]


async def test_a_channel_nobody_configured_is_caught_under_its_name() -> None:
    kept = Kept()
    channels = Channels({}, kept.outlets)

    await channels["wins"].send(owed(to="channel:wins", channel="wins"), MESSAGE, "")

    assert json.loads(kept.values[0])["channel"] == "wins"
    assert channels["wins"] is channels["wins"]
    await channels.close()


async def test_two_attempts_differ_in_nothing_but_the_time() -> None:
    kept = Kept()
    channel = Channels({}, kept.outlets)["email"]

    await channel.send(owed(attempt=0), MESSAGE, ANA)
    await channel.send(owed(attempt=3), MESSAGE, ANA)

    assert kept.values[0] == kept.values[1]
