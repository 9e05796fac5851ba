"""Channels that are slow, limited, refusing or gone for days (faults F16 to F20), under a clock that is moved."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from service.channels.contract import ChannelError
from service.core.effects import Owed
from service.core.message import Message, Reader
from service.core.reasons import Code
from service.delivery.retry import SCHEDULE_S
from tests.delivery.desk import (
    NEVER,
    NOON,
    OUTAGE,
    TRY_LATER,
    UNKNOWN,
    Desk,
    ObedientChannel,
    an_owed,
    message_of,
)


async def test_f16_a_channel_that_hangs_delays_no_other_channel(desk: Desk) -> None:
    desk.channels["slack"] = slack = ObedientChannel("slack", kind="slack")
    desk.email.gate = asyncio.Event()
    mails = [an_owed(number) for number in range(300)]
    chats = [an_owed(1000 + number, channel="slack") for number in range(40)]
    await desk.owe(*mails, *chats)

    async with desk.working():
        await desk.settled.count(40)

        assert len(slack.accepted) == 40
        assert desk.email.accepted == []
        assert len(desk.email.tried) == desk.email.concurrency
        desk.email.gate.set()
        await desk.settled.count(340)


async def test_f16_what_a_slow_channel_has_no_room_for_steps_aside_without_counting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.delivery.lanes.WAITING_MAX", 10)
    monkeypatch.setattr("service.delivery.lanes.Lane.pace_s", property(lambda _self: 1.0))
    desk.channels["slack"] = slack = ObedientChannel("slack", kind="slack")
    desk.email.gate = asyncio.Event()
    await desk.owe(*[an_owed(number) for number in range(50)], an_owed(1000, channel="slack"))

    async with desk.working():
        await desk.settled.kind("sent")
        assert len(slack.accepted) == 1
        assert set(await desk.codes()) == {Code.WAITING, Code.SENT}

        desk.email.gate.set()
        await desk.until_sent(51, step_s=5)

    assert {owed.attempt for owed, _, _ in desk.email.accepted} == {0}
    assert len({owed.key for owed, _, _ in desk.email.accepted}) == 50


async def test_f16_what_waited_until_another_worker_may_have_it_is_not_sent_but_put_back(desk: Desk) -> None:
    desk.email.concurrency = 1
    desk.email.gate = asyncio.Event()
    elapsed_s = 0.0
    desk.timer = lambda: elapsed_s
    await desk.owe(an_owed(1), an_owed(2))

    async with desk.working():
        await desk.email.has_tried(1)
        elapsed_s = 61.0
        desk.email.gate.set()
        await desk.settled.count(2)
        assert len(desk.email.tried) == 1
        assert desk.outcomes() == {"sent": 1, "waiting": 1}

        desk.later(minutes=2)
        await desk.settled.count(3)

    assert [owed.attempt for owed, _, _ in desk.email.accepted] == [0, 0]


async def test_what_stopped_being_true_while_it_waited_for_its_turn_at_the_channel_is_not_sent(
    desk: Desk,
) -> None:
    desk.email.concurrency = 1
    desk.email.gate = asyncio.Event()
    elapsed_s = 0.0
    desk.timer = lambda: elapsed_s
    rendered = asyncio.Event()

    def render(owed: Owed, reader: Reader) -> Message:
        if owed.subject == "deadline/c2":
            rendered.set()
        return message_of(owed, reader)

    desk.render = render
    await desk.owe(an_owed(1), an_owed(2))

    async with desk.working():
        await desk.email.has_tried(1)
        await rendered.wait()
        await desk.subject("deadline/c2", status="met")
        elapsed_s = 5.0
        desk.email.gate.set()
        await desk.settled.count(2)

    assert [owed.subject for owed, _, _ in desk.email.accepted] == ["deadline/c1"]
    assert desk.outcomes() == {"sent": 1, "cancelled": 1}


async def test_f17_a_refusal_for_now_is_tried_later_and_one_person_s_trouble_is_not_another_s(
    desk: Desk,
) -> None:
    desk.email.fails = [TRY_LATER]
    await desk.owe(an_owed(1), an_owed(2))

    async with desk.working():
        await desk.settled.count(2)
        desk.later(seconds=10)
        await desk.settled.count(3)

    assert sorted(desk.settled.kinds) == ["retry", "sent", "sent"]
    assert len({owed.key for owed, _, _ in desk.email.accepted}) == len(desk.email.accepted) == 2


async def test_f17_refused_for_good_on_every_channel_ends_in_the_dead_letters(desk: Desk) -> None:
    desk.channels["slack"] = slack = ObedientChannel("slack", kind="slack")
    desk.email.always = slack.always = NEVER
    await desk.owe(an_owed(fallbacks=("slack",)))

    async with desk.working():
        await desk.settled.kind("dead")

    assert (len(desk.email.tried), len(slack.tried)) == (1, 1)
    assert desk.settled.kinds == ["fallback", "dead"]
    assert [emit.type for emit in await desk.emits()] == ["delivery.dead"]


async def test_f18_a_limit_said_by_the_vendor_is_obeyed_and_holds_its_destination_only(desk: Desk) -> None:
    desk.email.fails = [ChannelError("429", retry_after_s=90)]
    desk.readers["leo"] = desk.readers["ana"].__class__("leo", "Leo", addresses={"email": "leo@example.com"})
    desk.channels["email"] = desk.email
    desk.email.concurrency = 1
    await desk.owe(an_owed(1), an_owed(2), an_owed(3, to="leo"))

    async with desk.working():
        await desk.settled.count(3)
        assert [owed.to for owed, _, _ in desk.email.accepted] == ["leo"]
        assert desk.outcomes() == {"retry": 1, "waiting": 1, "sent": 1}

        desk.later(seconds=89)
        await desk.settled.change(within_s=0.05)
        assert len(desk.email.tried) == 2
        desk.later(seconds=2)
        await desk.settled.count(5)

    early = [at for _, at in desk.email.tried if NOON < at < NOON + timedelta(seconds=90)]
    assert early == []
    assert len(desk.email.accepted) == 3


async def test_f19_accepted_but_the_answer_was_lost_is_sent_again_with_an_equal_key(desk: Desk) -> None:
    desk.email.fails = [UNKNOWN]
    owed = an_owed()
    await desk.owe(owed)

    async with desk.working():
        await desk.settled.count(1)
        desk.later(seconds=10)
        await desk.settled.kind("sent")

    assert [key for key, _ in desk.email.tried] == [owed.key, owed.key]


async def test_f20_three_days_without_a_channel_lose_nothing(desk: Desk) -> None:
    desk.channels["slack"] = slack = ObedientChannel("slack", kind="slack")
    desk.email.always = OUTAGE
    owed = an_owed(fallbacks=("slack",))
    await desk.owe(owed)

    async with desk.working():
        for attempts in range(1, len(SCHEDULE_S)):
            await desk.settled.count(attempts)
            assert desk.settled.kinds[-1] == "retry"
            retry_at_ms = desk.settled.all[-1][1].retry_at_ms
            desk.time = NOON + timedelta(milliseconds=retry_at_ms - NOON.timestamp() * 1000)
        await desk.settled.kind("sent")

    tried = [at for key, at in desk.email.tried if key == owed.key]
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(tried)]
    assert len(tried) == len(SCHEDULE_S)
    assert all(planned <= gap <= 1.2 * planned for planned, gap in zip(SCHEDULE_S[1:], gaps, strict=True))
    assert tried[-1] - tried[0] > timedelta(days=3)
    assert [sent.attempt for sent, _, _ in slack.accepted] == [0]
    assert desk.settled.kinds[-2:] == ["fallback", "sent"]


async def test_f20_without_another_channel_it_ends_in_the_dead_letters_with_its_reason(desk: Desk) -> None:
    desk.email.always = TRY_LATER
    await desk.owe(an_owed())

    async with desk.working():
        for attempts in range(1, len(SCHEDULE_S) + 1):
            await desk.settled.count(attempts)
            desk.later(hours=30)

    (dead,) = await desk.dead()
    assert dead.reason == Code.DEAD
    assert dead.detail.endswith("given up after attempt 10 of 10")


async def test_an_outage_opens_the_breaker_and_what_follows_does_not_touch_the_channel(desk: Desk) -> None:
    desk.email.always = OUTAGE
    desk.email.concurrency = 1
    await desk.owe(*[an_owed(number) for number in range(20)])

    async with desk.working():
        await desk.settled.count(20)
        assert len(desk.email.tried) == 5
        assert desk.metrics.breaker_open.labels("email")._value.get() == 1

        desk.email.always = None
        await desk.until_sent(20, step_s=11)

    assert desk.metrics.breaker_open.labels("email")._value.get() == 0
    assert len({owed.key for owed, _, _ in desk.email.accepted}) == 20


async def test_while_a_probe_is_out_the_others_wait_without_losing_an_attempt(desk: Desk) -> None:
    desk.email.always = OUTAGE
    desk.email.concurrency = 2
    await desk.owe(*[an_owed(number) for number in range(5)])

    async with desk.working():
        await desk.settled.count(5)
        desk.email.always, desk.email.gate = None, asyncio.Event()
        desk.later(seconds=11)
        await desk.settled.count(9)
        assert set(desk.settled.kinds[5:]) == {"retry"}
        desk.email.gate.set()
        await desk.until_sent(5, step_s=3)

    assert {owed.attempt for owed, _, _ in desk.email.accepted} == {1}
