"""The rows of the contract that every channel with a URL answers alike: what a status, a wish and a redirect mean."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple, get_args

import pytest
import structlog

from service.channels import CHANNELS
from service.channels.contract import Channel, ChannelError
from service.settings.channels import KINDS
from service.settings.hooks import HookSettings
from tests.channels.hooks import Kind, channel_to
from tests.channels.samples import MESSAGE, owed
from tests.channels.vendor import HANG, Reply, Vendor

HOOKS: tuple[Kind, ...] = get_args(Kind)
PATH = "/services/T0/s3cret-Path?sig=s3cret-Query"
SECRET = "whsec_" + "a" * 40


class Row(NamedTuple):
    reply: Reply
    permanent: bool = False
    bounced: bool = False
    is_outage: bool = False
    retry_after_s: float | None = None


WISH = {"Retry-After": "7"}
ROWS = {
    "400": Row(Reply(400), permanent=True),
    "401": Row(Reply(401), permanent=True),
    "403": Row(Reply(403), permanent=True),
    "404": Row(Reply(404), permanent=True, bounced=True),
    "410": Row(Reply(410), permanent=True, bounced=True),
    "413": Row(Reply(413), permanent=True),
    "429": Row(Reply(429)),
    "429 and a wish": Row(Reply(429, WISH), retry_after_s=7),
    "500": Row(Reply(500), is_outage=True),
    "502": Row(Reply(502), is_outage=True),
    "503 and a wish": Row(Reply(503, WISH), is_outage=True, retry_after_s=7),
    "504": Row(Reply(504), is_outage=True),
    "302": Row(Reply(302), permanent=True),
    "308": Row(Reply(308), permanent=True),
}


class Rig(NamedTuple):
    channel: Channel
    vendor: Vendor
    elsewhere: Vendor


@pytest.fixture(params=HOOKS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        vendor, elsewhere = [await stack.enter_async_context(Vendor()) for _ in range(2)]
        channel = channel_to(request.param, vendor.url(PATH), secret=SECRET, post_s_max=0.5)
        stack.push_async_callback(channel.close)
        yield Rig(channel, vendor, elsewhere)


def test_every_kind_with_one_url_is_here() -> None:
    with_url = {kind for kind, settings in KINDS.items() if issubclass(settings, HookSettings)}

    assert with_url == set(HOOKS)
    assert with_url <= set(CHANNELS)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_success_is_a_delivery(rig: Rig, status: int) -> None:
    rig.vendor.on_request = [Reply(status)]

    await rig.channel.send(owed(), MESSAGE, "")


@pytest.mark.parametrize("name", ROWS)
async def test_an_answer_means_the_same_by_every_channel(
    rig: Rig, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    row = ROWS[name]
    headers = {**row.reply.headers, "Location": rig.elsewhere.url("/stolen")}
    # As some do, it says the address again, which is a secret.
    rig.vendor.on_request = [row.reply._replace(headers=headers, body=PATH.encode())]

    with structlog.testing.capture_logs() as lines, pytest.raises(ChannelError) as caught:
        await rig.channel.send(owed(), MESSAGE, "")

    error = caught.value
    found = (error.permanent, error.bounced, error.is_outage, error.retry_after_s)
    assert found == (row.permanent, row.bounced, row.is_outage, row.retry_after_s)
    assert not error.is_unknown
    assert str(row.reply.status) in error.text
    assert "s3cret" not in f"{error.text} {lines} {caplog.text}"
    assert (len(rig.vendor.requests), rig.elsewhere.connections) == (1, 0)


async def test_a_server_that_takes_all_of_it_and_says_nothing_is_an_outage_in_time(rig: Rig) -> None:
    rig.vendor.on_request = [HANG]

    with pytest.raises(ChannelError) as caught:
        await rig.channel.send(owed(), MESSAGE, "")

    error = caught.value
    assert (error.permanent, error.is_outage) == (False, True)
    # Whoever drops copies by their id is simply sent it again.
    assert error.is_unknown == (rig.channel.kind != "webhook")
