"""Channels with a URL in the hands of the delivery worker: real channels, real servers that know their limits."""

import pytest

from service.channels import CHANNELS, PLACED
from service.channels.contract import ChannelError
from service.channels.email import EmailChannel
from service.channels.smtp import Server
from service.core.message import Reader
from service.core.reasons import Code
from service.delivery.address import address_of
from service.delivery.limits import Limit, Limits
from service.delivery.retry import RETRY_AFTER_S_MAX
from tests.channels import judges
from tests.channels.hooks import channel_to
from tests.channels.samples import SENDER
from tests.channels.sink import HANG, Sink
from tests.channels.vendor import DROP as CUT
from tests.channels.vendor import Reply, Vendor
from tests.delivery.desk import Desk, ObedientChannel, a_reminder, an_owed

SECRET = "whsec_" + "a" * 40


async def test_a_mail_server_that_hangs_delays_no_message_in_slack(desk: Desk) -> None:
    async with Sink() as sink, Vendor(judge=judges.slack) as slack:
        sink.on["MAIL"] = [HANG] * 1000
        desk.channels["email"] = mail = EmailChannel(Server("127.0.0.1", sink.port), SENDER)
        desk.channels["wins"] = wins = channel_to("slack_webhook", slack.url())
        mails = [an_owed(number) for number in range(200)]
        # The mails come first, and more of them than all hands and rooms hold.
        await desk.owe(*mails, *[an_owed(1000 + n, to="channel:wins", channel="wins") for n in range(20)])

        async with desk.working():
            await sink.has_seen("MAIL", mail.concurrency)
            await slack.has_taken(20)

            assert desk.outcomes("email").get("sent") is None
            assert sink.seen.count("MAIL") == mail.concurrency
            await mail.close()  # Those in flight end, so that the worker may.
        await wins.close()
    assert sink.mails == []


async def test_slack_gets_one_a_second_and_what_waits_loses_no_attempt(desk: Desk) -> None:
    async with Vendor(judge=judges.slack) as slack:
        desk.channels["wins"] = wins = channel_to("slack_webhook", slack.url())
        desk.limits = None
        await desk.owe(*[an_owed(n, to="channel:wins", channel="wins") for n in range(4)])

        async with desk.working():
            await desk.settled.count(4)
            assert desk.outcomes("wins") == {"sent": 1, "waiting": 3}
            assert len(slack.taken) == 1
            for sent in (2, 3, 4):
                desk.later(seconds=1)
                await slack.has_taken(sent)
            await desk.settled.count(7)
        await wins.close()

    assert desk.outcomes("wins") == {"sent": 4, "waiting": 3}


def test_every_vendor_s_rate_is_the_published_one() -> None:
    channels = {
        "wins": channel_to("slack_webhook", "https://localhost/"),
        "sales": channel_to("teams_webhook", "https://localhost/"),
        "crm": channel_to("webhook", "https://localhost/", secret=SECRET),
    }

    limits = Limits.of(channels)

    assert limits._limits == {"wins": Limit(1, 1), "sales": Limit(4, 1), "crm": Limit(10, 10)}


async def test_a_429_is_obeyed_to_the_second_and_the_webhook_gets_the_same_again(desk: Desk) -> None:
    async with Vendor() as vendor:
        vendor.on_request = [Reply(429, {"Retry-After": "90"})]
        desk.channels["crm"] = crm = channel_to("webhook", vendor.url(), secret=SECRET)
        await desk.owe(an_owed(1, to="channel:crm", channel="crm"))

        async with desk.working():
            await desk.settled.count(1)
            desk.later(seconds=89)
            await desk.settled.change(within_s=0.05)
            assert len(vendor.requests) == 1
            desk.later(seconds=2)
            await desk.settled.kind("sent")
        await crm.close()

    first, second = vendor.requests
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


async def test_a_url_that_is_gone_is_left_for_the_next_channel_and_remembered(desk: Desk) -> None:
    async with Vendor() as vendor:
        vendor.on_request = [Reply(410)]
        desk.channels["wins"] = wins = channel_to("slack_webhook", vendor.url())
        await desk.owe(an_owed(1, channel="wins", fallbacks=("email",)))

        async with desk.working():
            await desk.settled.kind("sent")
        await wins.close()

    assert desk.settled.kinds == ["fallback", "sent"]
    assert [emit.type for emit in await desk.emits()] == ["delivery.bounced"]
    assert [owed.to for owed, _, _ in desk.email.accepted] == ["ana"]


@pytest.mark.parametrize(("kind", "outcome"), [("slack_webhook", "dead"), ("webhook", "retry")])
async def test_a_reminder_that_may_have_arrived_is_repeated_only_where_copies_are_dropped(
    kind: str, outcome: str, desk: Desk
) -> None:
    async with Vendor() as vendor:
        vendor.on_request = [CUT]
        desk.channels["hook"] = hook = channel_to(kind, vendor.url(), secret=SECRET)  # type: ignore[arg-type]
        await desk.owe(a_reminder(1, to="channel:hook", channel="hook"))

        async with desk.working():
            await desk.settled.count(1)
        await hook.close()

    assert desk.settled.kinds == [outcome]


async def test_a_wish_to_wait_for_a_year_holds_nothing_else_up(desk: Desk) -> None:
    desk.email.fails = [ChannelError("429", retry_after_s=RETRY_AFTER_S_MAX + 1)]
    desk.channels["slack"] = ObedientChannel("slack", kind="slack")
    await desk.owe(an_owed(1, fallbacks=("slack",)))

    async with desk.working():
        await desk.settled.count(2)
        await desk.owe(an_owed(2))
        await desk.settled.count(3)

    assert desk.settled.kinds == ["fallback", "sent", "sent"]
    assert Code.WAITING not in await desk.codes()


def test_a_person_needs_no_address_on_a_channel_that_has_its_own_place() -> None:
    nobody = Reader("ana", "Ana")

    for kind in CHANNELS:
        placed = kind in PLACED
        real = ObedientChannel("x", kind=kind)
        stand_in = ObedientChannel("x", kind="caught")
        if kind != "caught":
            assert address_of(an_owed(channel="x"), nobody, real) == ("" if placed else None)
            assert address_of(an_owed(channel=kind), nobody, stand_in) == ("" if placed else None)
    assert set(CHANNELS) - PLACED == {"caught", "email", "slack"}


def test_slack_finds_people_by_their_own_id_or_else_by_their_mail_address() -> None:
    mail, both = {"email": "ana@example.com"}, {"email": "ana@example.com", "slack": "U0ANA"}
    channel, owed = ObedientChannel("chat", kind="slack"), an_owed(channel="chat")

    assert address_of(owed, Reader("ana", "Ana", addresses=mail), channel) == "ana@example.com"
    assert address_of(owed, Reader("ana", "Ana", addresses=both), channel) == "U0ANA"
    # A caught channel stands in for it.
    stand_in = ObedientChannel("slack", kind="caught")
    assert (
        address_of(an_owed(channel="slack"), Reader("ana", "Ana", addresses=mail), stand_in) == mail["email"]
    )
