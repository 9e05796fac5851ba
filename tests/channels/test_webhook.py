"""What a program of one's own is told, and how it knows that it was us. Verified by Standard Webhooks' own library."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace
from standardwebhooks import Webhook, WebhookVerificationError

from service.channels.contract import ChannelError
from service.channels.webhook import WebhookChannel, payload, signature
from service.core.message import Message
from tests.channels import judges
from tests.channels.hooks import channel_to, http_to, settings_of
from tests.channels.messages import SHIPPED, messages, rendered
from tests.channels.samples import MESSAGE, owed
from tests.channels.vendor import DROP, Reply, Vendor

OLD, NEW, OTHER = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2, 3))


def test_the_signature_is_the_one_of_the_specification() -> None:
    # The test vector of every Standard Webhooks library.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    key, at, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'

    assert signature(secret, key, at, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_receiver_verifies_it_by_the_library_and_finds_who_what_and_why() -> None:
    about, message = rendered("missed")
    async with Vendor(judge=judges.webhook(NEW)) as vendor:
        channel = channel_to("webhook", vendor.url("/in"), secret=NEW)
        await channel.send(about, message, "")
        await channel.close()

    (request,) = vendor.taken
    event: dict[str, Any] = Webhook(NEW).verify(request.body, request.headers)
    assert request.headers["webhook-id"] == event["data"]["key"] == about.key
    assert (event["type"], event["timestamp"]) == ("notification.missed", "2026-11-24T16:00:00Z")
    data = event["data"]
    assert list(data)[:12] == [
        "key", "to", "channel", "template", "policy", "step", "subject", "reason", "title", "short", "text", "links",
    ]  # fmt: skip
    assert (data["to"], data["subject"], data["title"]) == ("ana", "deadline/c1", message.subject)
    assert [link["name"] for link in data["links"]] == [action.name for action in message.actions]
    assert data["facts"]["due_at"] == "2026-11-24T16:00:00.000Z"
    assert (data["text"], data["is_cut"]) == (message.text, False)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(request.body + b" ", request.headers)


@pytest.mark.parametrize("known", [OLD, NEW])
async def test_while_the_secret_changes_receivers_with_either_accept_it(known: str) -> None:
    async with Vendor(judge=judges.webhook(known)) as vendor:
        channel = channel_to("webhook", vendor.url(), secret=f"{NEW} {OLD}")
        await channel.send(owed(), MESSAGE, "")
        await channel.close()

    assert vendor.taken[0].headers["webhook-signature"].count("v1,") == 2


async def test_a_receiver_with_another_secret_refuses_it_for_good() -> None:
    async with Vendor(judge=judges.webhook(OTHER)) as vendor:
        channel = channel_to("webhook", vendor.url(), secret=f"{NEW} {OLD}")
        with pytest.raises(ChannelError, match="401") as caught:
            await channel.send(owed(), MESSAGE, "")
        await channel.close()

    assert (caught.value.permanent, caught.value.bounced) == (True, False)


async def test_every_attempt_has_the_same_id_and_body_and_the_time_of_its_own() -> None:
    times = [datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 25, 12, tzinfo=UTC)]
    async with Vendor() as vendor:
        http = http_to(vendor.url())
        channel = WebhookChannel(http, [b"k" * 32], clock=lambda: times.pop(0))
        vendor.on_request = [Reply(503)]
        with pytest.raises(ChannelError):
            await channel.send(owed(attempt=0), MESSAGE, "")
        await channel.send(owed(attempt=1), MESSAGE, "")
        await channel.close()

    first, second = vendor.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == owed().key
    assert [r.headers["webhook-timestamp"] for r in (first, second)] == ["1795521600", "1795608000"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


async def test_an_outcome_that_nobody_knows_is_worth_another_attempt_because_copies_are_dropped() -> None:
    async with Vendor() as vendor:
        channel = channel_to("webhook", vendor.url(), secret=NEW)
        vendor.on_request = [DROP]
        with pytest.raises(ChannelError) as caught:
            await channel.send(owed(), MESSAGE, "")
        await channel.close()

    assert (caught.value.permanent, caught.value.is_unknown) == (False, False)


@pytest.mark.parametrize("data", ["plain", "hostile", "built in"])
@pytest.mark.parametrize("template", SHIPPED)
def test_every_shipped_message_is_small_enough(template: str, data: str) -> None:
    assert len(payload(*rendered(template, data))) < 20_000


@given(messages)
def test_any_message_is_small_enough_unless_its_links_alone_are_not(message: Message) -> None:
    body = payload(owed(), message)

    links = sum(len(action.url) + 6 * len(action.label) for action in message.actions)
    assert len(body) < 20_000 or links + 6 * len(message.short) > 15_000


def test_a_long_text_is_cut_in_whole_lines_and_says_so() -> None:
    message = replace(MESSAGE, text="\n".join(f"{number}. something" for number in range(3000)))

    data = json.loads(payload(owed(), message))["data"]

    assert data["is_cut"] is True
    assert data["text"].endswith("more lines; the link below has all of it")
    assert data["facts"] == owed().facts


def test_facts_that_are_too_long_are_left_out_whole() -> None:
    facts = {**owed().facts, "description": "x" * 25_000}

    data = json.loads(payload(owed(facts=facts), MESSAGE))["data"]

    assert (data["facts"], data["is_cut"], data["text"]) == ({}, True, MESSAGE.text)


def test_a_secret_is_never_shown() -> None:
    settings = settings_of("webhook", "https://localhost/secret-canary", secret=NEW)

    assert "canary" not in repr(settings)
    assert NEW not in repr(settings)
