"""What every channel promises, whatever is at its other end. A channel joins by a `Rig` of its own.

The rig plays the vendor: it accepts, refuses, hangs and breaks as told, and keeps books of what it took.
"""

import base64
import json
import logging
import ssl
import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Protocol

import pytest
import structlog

from service.channels import CHANNELS
from service.channels.contract import Channel, ChannelError
from service.channels.email import EmailChannel
from service.channels.slack import SlackChannel
from service.channels.slack_api import SlackApi
from service.channels.slack_places import Places
from service.channels.smtp import Server
from service.settings.slack import SlackChannel as SlackSettings
from tests.channels import judges, vendor
from tests.channels.hooks import Kind, channel_to, http_to, settings_of
from tests.channels.samples import ANA, MESSAGE, SENDER, owed
from tests.channels.sink import CERTIFICATE, DROP, HANG, Reply, Sink
from tests.channels.slack_server import TOKEN, Slack
from tests.channels.test_caught import Kept


class Rig(Protocol):
    channel: Channel
    address: str
    secrets: tuple[str, ...]
    drops_copies: bool  # its receiver knows a copy, so an unknown outcome is worth another attempt

    def behave(self) -> None: ...
    def refuse_for_now(self) -> None: ...
    def refuse_for_good(self) -> None: ...
    def refuse_address(self) -> None: ...
    def hang(self) -> None: ...
    def break_before(self) -> None: ...
    def break_after_acceptance(self) -> None: ...
    def taken(self) -> list[bytes]: ...


class EmailRig:
    """Mail against a sink; with a password, so that there is a secret to leak."""

    address = ANA
    secrets = ("s3cret-pass", "ft-user", ANA)
    drops_copies = False

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        trusted = ssl.create_default_context(cafile=str(CERTIFICATE))
        server = Server("localhost", sink.port, username="ft-user", password="s3cret-pass", tls=trusted)
        self.channel = EmailChannel(server, SENDER, send_s_max=0.5)

    def behave(self) -> None:
        self.sink.on.clear()

    def refuse_for_now(self) -> None:
        self.sink.on["RCPT"] = [Reply(f"451 4.7.1 greylisted {ANA} for user ft-user s3cret-pass")]

    def refuse_for_good(self) -> None:
        self.sink.on["BODY"] = [Reply("554 5.6.0 no")]

    def refuse_address(self) -> None:
        self.sink.on["RCPT"] = [Reply(f"550 5.1.1 <{ANA}>: no such user")]

    def hang(self) -> None:
        self.sink.on["MAIL"] = [HANG]

    def break_before(self) -> None:
        self.sink.on["RCPT"] = [DROP, DROP]  # One old connection that broke is replaced unnoticed.

    def break_after_acceptance(self) -> None:
        self.sink.on["BODY"] = [DROP]

    def taken(self) -> list[bytes]:
        return [mail.body for mail in self.sink.mails]


PATH = "/services/T0/B0/s3cret-Path?sig=s3cret-Query"
SECRET = "whsec_" + base64.b64encode(b"s3cret-key-of-32-bytes-at-least!").decode()


class HookRig:
    """A URL at a server that knows its vendor's limits; it echoes the URL, as some do."""

    address = ""
    secrets = ("s3cret-Path", "s3cret-Query", "T0", SECRET, "s3cret-key")

    def __init__(self, kind: Kind, server: vendor.Vendor) -> None:
        self.server, self.drops_copies = server, kind == "webhook"
        server.judge = {
            "slack_webhook": judges.slack,
            "teams_webhook": judges.teams(),
            "webhook": judges.webhook(SECRET),
        }[kind]
        self.channel = channel_to(kind, server.url(PATH), secret=SECRET, post_s_max=0.5)

    def behave(self) -> None:
        self.server.on_request.clear()
        self.server.on_connection.clear()

    def _answer(self, status: int) -> None:
        self.server.on_request = [vendor.Reply(status, {"X-Url": PATH}, PATH.encode())]

    def refuse_for_now(self) -> None:
        self._answer(429)

    def refuse_for_good(self) -> None:
        self._answer(400)

    def refuse_address(self) -> None:
        self._answer(410)

    def hang(self) -> None:
        self.server.on_connection = [vendor.HANG]

    def break_before(self) -> None:
        self.server.on_connection = [vendor.DROP]

    def break_after_acceptance(self) -> None:
        self.server.on_request = [vendor.DROP]

    def taken(self) -> list[bytes]:
        return [request.body for request in self.server.taken]


class SlackRig:
    """The bot, without a memory, so that every attempt posts."""

    address = "D0ANA"
    secrets = (TOKEN, "s3cretToken", address)
    drops_copies = False

    def __init__(self, server: vendor.Vendor) -> None:
        self.server = server
        server.judge = Slack().judge
        settings = SlackSettings(kind="slack", token=TOKEN)
        api = SlackApi(http_to(server.url("/api/"), post_s_max=0.5), settings.token)
        self.channel = SlackChannel(api, Places("slack", Kept().outlets), is_heard=True)

    def behave(self) -> None:
        self.server.on_request.clear()
        self.server.on_connection.clear()

    def _say(self, word: str, status: int = 200) -> None:
        body = json.dumps({"ok": False, "error": word, "echo": f"{TOKEN} {self.address}"}).encode()
        self.server.on_request = [vendor.Reply(status, {"Retry-After": "1"}, body)]

    def refuse_for_now(self) -> None:
        self._say("ratelimited", 429)

    def refuse_for_good(self) -> None:
        self._say("invalid_blocks")

    def refuse_address(self) -> None:
        self._say("channel_not_found")

    def hang(self) -> None:
        self.server.on_connection = [vendor.HANG]

    def break_before(self) -> None:
        self.server.on_connection = [vendor.DROP]

    def break_after_acceptance(self) -> None:
        self.server.on_request = [vendor.DROP]

    def taken(self) -> list[bytes]:
        return [request.body for request in self.server.taken]


RIGS = ("email", "slack", "slack_webhook", "teams_webhook", "webhook")


@pytest.fixture(params=RIGS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        rig: Rig
        if request.param == "email":
            rig = EmailRig(await stack.enter_async_context(Sink(tls=True, auth=True)))
        elif request.param == "slack":
            rig = SlackRig(await stack.enter_async_context(vendor.Vendor()))
        else:
            rig = HookRig(request.param, await stack.enter_async_context(vendor.Vendor()))
        stack.push_async_callback(rig.channel.close)
        yield rig


def test_every_channel_that_calls_somebody_is_in_this_suite() -> None:
    # Caught and console have no vendor; each has a file of its own.
    assert set(RIGS) == set(CHANNELS) - {"caught", "console"}


@pytest.mark.parametrize("kind", ["slack_webhook", "teams_webhook", "webhook"])
async def test_channels_yaml_makes_the_channel_of_its_kind(kind: Kind) -> None:
    more = {"secret": SECRET} if kind == "webhook" else {}
    outlets = Kept().outlets

    channel = CHANNELS[kind]("wins", settings_of(kind, "https://hooks.example.com/x", **more), outlets)

    assert channel.kind == kind
    assert channel.rate is not None
    await channel.close()


async def failure_of(rig: Rig) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await rig.channel.send(owed(), MESSAGE, rig.address)
    return caught.value


async def test_a_message_arrives(rig: Rig) -> None:
    await rig.channel.send(owed(), MESSAGE, rig.address)

    assert len(rig.taken()) == 1


async def test_every_attempt_of_one_notification_is_byte_for_byte_equal(rig: Rig) -> None:
    for attempt in range(3):
        await rig.channel.send(owed(attempt=attempt), MESSAGE, rig.address)

    first, *others = rig.taken()
    assert others == [first, first]


async def test_a_refusal_for_now_may_be_tried_again(rig: Rig) -> None:
    rig.refuse_for_now()

    error = await failure_of(rig)

    assert (error.permanent, error.bounced, error.is_unknown, error.is_outage) == (False, False, False, False)


async def test_a_refusal_for_good_is_permanent_and_no_bounce(rig: Rig) -> None:
    rig.refuse_for_good()

    error = await failure_of(rig)

    assert (error.permanent, error.bounced) == (True, False)


async def test_an_address_that_does_not_exist_is_a_bounce(rig: Rig) -> None:
    rig.refuse_address()

    error = await failure_of(rig)

    assert (error.permanent, error.bounced) == (True, True)


async def test_a_vendor_who_hangs_is_given_up_within_the_deadline_as_an_outage(rig: Rig) -> None:
    rig.hang()

    error = await failure_of(rig)

    assert (error.permanent, error.is_unknown, error.is_outage) == (False, False, True)


async def test_a_connection_that_breaks_early_is_an_outage_with_a_known_outcome(rig: Rig) -> None:
    rig.break_before()

    error = await failure_of(rig)

    assert (error.permanent, error.is_unknown, error.is_outage) == (False, False, True)
    assert rig.taken() == []


async def test_a_connection_that_breaks_after_acceptance_is_said_to_be_unknown(rig: Rig) -> None:
    rig.break_after_acceptance()

    error = await failure_of(rig)

    assert (error.permanent, error.is_unknown) == (False, not rig.drops_copies)
    assert "handed over" in error.text
    assert len(rig.taken()) == 1


async def test_after_any_failure_the_next_message_arrives(rig: Rig) -> None:
    for break_it in (
        rig.refuse_for_now,
        rig.refuse_for_good,
        rig.refuse_address,
        rig.hang,
        rig.break_before,
        rig.break_after_acceptance,
    ):
        break_it()
        await failure_of(rig)
        rig.behave()
        before = len(rig.taken())
        await rig.channel.send(owed(), MESSAGE, rig.address)
        assert len(rig.taken()) == before + 1, break_it


async def test_no_secret_and_no_address_in_an_error_or_a_log(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with structlog.testing.capture_logs() as lines:
        for break_it in (
            *(rig.refuse_for_now, rig.refuse_for_good, rig.refuse_address),
            *(rig.hang, rig.break_before, rig.break_after_acceptance),
        ):
            break_it()
            error = await failure_of(rig)
            said += [error.text, str(error)]
            # aiosmtplib's errors name no secret, but the address; aiohttp's name the URL.
            if not isinstance(rig, EmailRig):
                said += traceback.format_exception(error)
            rig.behave()
        await rig.channel.send(owed(), MESSAGE, rig.address)
    said += [str(lines), caplog.text]

    for secret in rig.secrets:
        assert secret not in "".join(said)


async def test_an_error_is_one_short_line(rig: Rig) -> None:
    rig.refuse_for_now()

    error = await failure_of(rig)

    assert error.text.isprintable()
    assert len(error.text) < 300


async def test_a_closed_channel_has_let_go_of_everything(rig: Rig) -> None:
    await rig.channel.send(owed(), MESSAGE, rig.address)

    await rig.channel.close()
    await rig.channel.close()


async def test_it_is_described_for_its_users(rig: Rig) -> None:
    assert len((type(rig.channel).__doc__ or "").split()) > 20
