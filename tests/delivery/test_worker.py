"""What a delivery worker does with what is owed: one story each, against the store in memory."""

import asyncio
from datetime import timedelta

import pytest

from service.channels.contract import ChannelError
from service.core.effects import Owed, decode_owed
from service.core.ids import delivery_key
from service.core.message import Message, Reader
from service.core.reasons import Code
from tests.delivery.desk import (
    INBOX,
    NEVER,
    NO_MAILBOX,
    NOON,
    TRY_LATER,
    UNKNOWN,
    Desk,
    ObedientChannel,
    a_reminder,
    an_owed,
)


async def test_what_is_owed_is_sent_once_and_the_log_says_so(desk: Desk) -> None:
    owed = an_owed()
    await desk.owe(owed)

    async with desk.working():
        await desk.settled.count(1)

    ((sent, message, address),) = desk.email.accepted
    assert (sent, address) == (owed, "ana@example.com")
    assert message.text == "Hello Ana"
    (entry,) = await desk.log()
    assert entry.effects == (("sent", owed.key, "ana"),)
    assert [(reason.code, reason.text) for reason in entry.reasons] == [
        (Code.SENT, "sent by email, attempt 1")
    ]
    assert await desk.store.was_sent(INBOX, owed.key)
    assert desk.outcomes() == {"sent": 1}


async def test_a_settled_key_is_not_sent_again_and_the_log_says_so(desk: Desk) -> None:
    owed = an_owed()
    await desk.owe(owed)
    async with desk.working():
        await desk.settled.count(1)
        await desk.owe(owed)
        await desk.settled.count(2)

    assert len(desk.email.accepted) == 1
    assert (await desk.codes())[-1] == Code.ALREADY_SENT
    assert desk.outcomes() == {"sent": 1, "already_sent": 1}


async def test_what_stopped_being_true_while_it_waited_is_not_sent(desk: Desk) -> None:
    await desk.owe(an_owed())
    await desk.subject("deadline/c1", status="met")

    async with desk.working():
        await desk.settled.count(1)

    assert desk.email.tried == []
    assert desk.settled.kinds == ["cancelled"]
    assert await desk.codes() == [Code.CLOSED]


async def test_a_person_without_an_address_is_told_by_the_next_channel_at_once(desk: Desk) -> None:
    slack = desk.channels["slack"] = ObedientChannel("slack", kind="slack")
    desk.readers["ana"] = Reader("ana", "Ana", addresses={"slack": "U0ANA"})
    owed = an_owed(fallbacks=("slack",))
    await desk.owe(owed)

    async with desk.working():
        await desk.settled.kind("sent")

    ((sent, _, address),) = slack.accepted
    assert address == "U0ANA"
    assert sent.key == delivery_key(owed, "slack") != owed.key
    assert await desk.codes() == [Code.NEXT_CHANNEL, Code.SENT]
    assert (await desk.log())[0].reasons[0].text == "email: ana has no address there; now by slack"


async def test_a_person_nobody_can_reach_becomes_a_dead_letter_and_the_inbox_hears_of_it(desk: Desk) -> None:
    desk.readers.clear()
    owed = an_owed()
    await desk.owe(owed)

    async with desk.working():
        await desk.settled.count(1)

    (dead,) = await desk.dead()
    assert (dead.kind, dead.reason, dead.subject) == ("unroutable", Code.UNROUTABLE, "deadline/c1")
    assert decode_owed(dead.raw) == owed
    (emit,) = await desk.emits()
    assert (emit.topic, emit.type, emit.subject) == ("inbox", "delivery.dead", "inbox/ana")
    assert desk.outcomes() == {"dead": 1}


async def test_a_channel_as_recipient_needs_no_address_book(desk: Desk) -> None:
    wins = desk.channels["wins"] = ObedientChannel("wins", kind="slack_webhook")
    await desk.owe(an_owed(to="channel:wins", channel="wins"))

    async with desk.working():
        await desk.settled.kind("sent")

    assert [address for _, _, address in wins.accepted] == [""]


async def test_a_refusal_for_good_goes_to_the_next_channel_without_waiting(desk: Desk) -> None:
    slack = desk.channels["slack"] = ObedientChannel("slack", kind="slack")
    desk.email.fails = [NEVER]
    await desk.owe(an_owed(fallbacks=("slack", "sms")))

    async with desk.working():
        await desk.settled.kind("sent")

    ((sent, _, _),) = slack.accepted
    assert (sent.fallbacks, sent.attempt, sent.address) == (("sms",), 0, "")
    assert desk.settled.kinds == ["fallback", "sent"]
    assert await desk.emits() == []


async def test_an_address_that_does_not_exist_is_reported_once_and_the_next_channel_is_used(
    desk: Desk,
) -> None:
    slack = desk.channels["slack"] = ObedientChannel("slack", kind="slack")
    desk.email.fails = [NO_MAILBOX]
    await desk.owe(an_owed(fallbacks=("slack",)))

    async with desk.working():
        await desk.settled.kind("sent")

    assert len(slack.accepted) == 1
    (emit,) = await desk.emits()
    assert emit.type == "delivery.bounced"
    assert b'"channel":"email"' in emit.data
    assert await desk.codes() == [Code.NEXT_CHANNEL, Code.BOUNCED, Code.SENT]


async def test_a_bounce_without_another_channel_is_reported_as_both_bounced_and_dead(desk: Desk) -> None:
    desk.email.fails = [NO_MAILBOX]
    await desk.owe(an_owed())

    async with desk.working():
        await desk.settled.count(1)

    assert [emit.type for emit in await desk.emits()] == ["delivery.bounced", "delivery.dead"]
    assert [dead.kind for dead in await desk.dead()] == ["delivery"]


async def test_every_attempt_carries_the_same_key_and_the_same_message(desk: Desk) -> None:
    desk.email.fails = [TRY_LATER, TRY_LATER]
    seen: list[Message] = []

    def render(_owed: Owed, _reader: Reader) -> Message:
        seen.append(Message("subject", "short", "text", "html"))
        return seen[-1]

    desk.render = render
    await desk.owe(an_owed())
    async with desk.working():
        await desk.settled.count(1)
        desk.later(seconds=10)
        await desk.settled.count(2)
        desk.later(minutes=10)
        await desk.settled.count(3)

    assert len({key for key, _ in desk.email.tried}) == 1
    assert len(desk.email.tried) == len(seen) == 3
    assert len({(m.subject, m.text, m.html) for m in seen}) == 1
    assert desk.settled.kinds == ["retry", "retry", "sent"]


async def test_an_escalation_with_an_unknown_outcome_is_sent_again_with_its_key(desk: Desk) -> None:
    desk.email.fails = [UNKNOWN]
    await desk.owe(an_owed())

    async with desk.working():
        await desk.settled.count(1)
        desk.later(seconds=10)
        await desk.settled.kind("sent")

    assert len(desk.email.tried) == 2
    assert len({key for key, _ in desk.email.tried}) == 1


async def test_a_reminder_with_an_unknown_outcome_is_not_sent_again_but_kept(desk: Desk) -> None:
    slack = desk.channels["slack"] = ObedientChannel("slack", kind="slack")
    desk.email.fails = [UNKNOWN]
    await desk.owe(a_reminder(fallbacks=("slack",)))

    async with desk.working():
        await desk.settled.count(1)

    assert len(desk.email.tried) == 1
    assert slack.tried == []
    (dead,) = await desk.dead()
    assert dead.reason == Code.UNKNOWN_OUTCOME


async def test_a_broken_template_does_not_swallow_the_message_and_the_log_says_so(desk: Desk) -> None:
    desk.render = lambda _owed, _reader: Message("s", "s", "built in", "<p>built in</p>", is_fallback=True)
    await desk.owe(an_owed())

    async with desk.working():
        await desk.settled.count(1)

    assert desk.email.accepted[0][1].text == "built in"
    assert await desk.codes() == [Code.SENT, Code.TEMPLATE_BROKEN]
    assert desk.metrics.template_fallbacks.labels("escalated")._value.get() == 1


async def test_a_crash_is_a_failed_attempt_of_that_delivery_only(
    desk: Desk, crashes: None, log: list[dict[str, object]]
) -> None:
    def render(owed: Owed, _reader: Reader) -> Message:
        if owed.subject == "deadline/c1":
            raise ZeroDivisionError("a mistake of ours")
        return Message("s", "s", "t", "h")

    desk.render = render
    await desk.owe(an_owed(1), an_owed(2))

    async with desk.working():
        await desk.settled.count(2)

    assert sorted(desk.settled.kinds) == ["retry", "sent"]
    assert [owed.subject for owed, _, _ in desk.email.accepted] == ["deadline/c2"]
    assert [line["event"] for line in log if line["log_level"] == "error"] == ["delivery_crashed"]


async def test_an_entry_that_cannot_be_read_is_kept_whole_and_stops_nobody(desk: Desk) -> None:
    await desk.owe_bytes("k0", b"\xc1 from another version")
    await desk.owe(an_owed())

    async with desk.working():
        await desk.settled.count(2)

    (dead,) = await desk.dead()
    assert (dead.reason, dead.raw) == ("unreadable", b"\xc1 from another version")
    assert len(desk.email.accepted) == 1


async def test_an_unknown_channel_is_the_mapping_s_business(desk: Desk) -> None:
    caught = ObedientChannel("anything", kind="caught")

    class Caught(dict):  # type: ignore[type-arg]
        def __missing__(self, name: str) -> ObedientChannel:
            return caught

    desk.channels = Caught(desk.channels)
    await desk.owe(an_owed(channel="standup", to="channel:standup"))

    async with desk.working():
        await desk.settled.kind("sent")

    assert len(caught.accepted) == 1


async def test_a_stop_finishes_what_is_in_flight_and_leaves_the_rest_to_the_next_worker_of_the_name(
    desk: Desk,
) -> None:
    desk.channels["email"] = desk.email = ObedientChannel("email", concurrency=1)
    desk.email.gate = asyncio.Event()
    await desk.owe(an_owed(1), an_owed(2), an_owed(3))

    async with desk.working() as worker:
        await desk.email.has_tried(1)
        worker.stop()
        desk.email.gate.set()

    # The second was in hand, ready for its turn.
    assert [owed.subject for owed, _, _ in desk.email.accepted] == ["deadline/c1", "deadline/c2"]

    desk.store = desk.store.reopened()
    desk.settled.watch(desk.store)
    async with desk.working(desk.worker("w1")):
        await desk.settled.count(3)

    assert [owed.subject for owed, _, _ in desk.email.accepted] == [f"deadline/c{n}" for n in (1, 2, 3)]


async def test_what_hangs_longer_than_a_stop_may_take_is_abandoned_and_stays_owed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.delivery.worker.STOP_WITHIN_S", 0.05)
    desk.email.gate = asyncio.Event()
    await desk.owe(an_owed())

    async with desk.working():
        await desk.email.has_tried(1)

    assert desk.settled.all == []
    desk.email.gate.set()
    desk.store = desk.store.reopened()
    async with desk.working(desk.worker("w1")):
        await desk.email.has_tried(2)


async def test_two_workers_share_the_work_and_send_nothing_twice(desk: Desk) -> None:
    await desk.owe(*[an_owed(number) for number in range(60)])

    async with desk.working(desk.worker("w1")), desk.working(desk.worker("w2")):
        await desk.settled.count(60)

    assert len({owed.key for owed, _, _ in desk.email.accepted}) == len(desk.email.accepted) == 60


async def test_an_error_of_the_vendor_names_neither_address_nor_text_in_the_log_entry(desk: Desk) -> None:
    desk.email.fails = [ChannelError("the server said 451 to RCPT: …")]
    await desk.owe(an_owed())

    async with desk.working():
        await desk.settled.count(1)

    (logged,) = [one for one in await desk.store.log(INBOX) if b"delivery" in one.value]
    assert b"ana@example.com" not in logged.value
    assert b"Hello" not in logged.value


QUIET = "20:00-08:00 Europe/Madrid"


async def test_a_retry_that_falls_into_the_readers_quiet_hours_waits_for_their_end(desk: Desk) -> None:
    desk.time = NOON.replace(hour=18, minute=55)  # 19:55 by ana's clock
    desk.email.fails = [TRY_LATER, TRY_LATER]  # tried again after 5 seconds, and after 5 minutes
    await desk.owe(an_owed(decided_at=desk.time, urgency="normal", quiet=QUIET))

    async with desk.working():
        for minutes in (0, 1, 6):
            desk.later(minutes=minutes)
            await desk.settled.count(1 + len(desk.settled.all))
        desk.time = NOON.replace(day=25, hour=6, minute=50)
        await desk.until_sent(1, step_s=60)

    (_, first), (_, second), (_, third) = desk.email.tried
    assert second - first == timedelta(minutes=1)
    assert timedelta() <= third - NOON.replace(day=25, hour=7) <= timedelta(minutes=1)
    waited = next(one for entry in await desk.log() for one in entry.reasons if one.code == Code.WAITING)
    assert waited.text.startswith("it would come in ana's quiet hours by now; tried again in 12 h")


async def test_what_passes_quiet_hours_is_tried_again_within_them(desk: Desk) -> None:
    desk.time = NOON.replace(hour=18, minute=55)
    desk.email.fails = [TRY_LATER, TRY_LATER]
    await desk.owe(an_owed(decided_at=desk.time, urgency="high"))

    async with desk.working():
        await desk.until_sent(1, step_s=60)

    assert desk.email.tried[-1][1] < NOON.replace(hour=19, minute=10)
