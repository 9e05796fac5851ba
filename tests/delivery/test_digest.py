"""A digest is checked once, just before its first attempt; every attempt sends what was left of it then."""

from msgspec.structs import replace

from service.core.effects import Owed, decode_owed, encode_effect
from service.core.reasons import Code
from tests.delivery.desk import TRY_LATER, Desk, an_owed


def a_digest(*parts: Owed) -> Owed:
    digest = an_owed(
        template="digest", step="~digest", subject="inbox/ana", until="nothing", urgency="normal"
    )
    return replace(digest, facts={"title": "what waited"}, parts=tuple(map(encode_effect, parts)))


def titles(sent: Owed) -> list[str]:
    return [decode_owed(part).subject for part in sent.parts]


async def test_what_is_no_longer_true_is_left_out_and_said_so(desk: Desk) -> None:
    await desk.owe(a_digest(an_owed(1), an_owed(2), an_owed(3)))
    await desk.subject("deadline/c1")
    await desk.subject("deadline/c2", status="met")
    await desk.subject("deadline/c3")

    async with desk.working():
        await desk.settled.kind("sent")

    [(sent, _, _)] = desk.email.accepted
    assert titles(sent) == ["deadline/c1", "deadline/c3"]
    assert desk.settled.kinds == ["fallback", "sent"]
    assert "Send the offer (escalated) is left out: it is met by now" in [
        reason.text for entry in await desk.log() for reason in entry.reasons
    ]


async def test_a_second_attempt_sends_the_same_although_more_has_changed_since(desk: Desk) -> None:
    digest = a_digest(an_owed(1), an_owed(2))
    await desk.owe(digest)
    await desk.subject("deadline/c1")
    await desk.subject("deadline/c2")
    desk.email.fails = [TRY_LATER]

    async with desk.working():
        await desk.settled.kind("retry")
        await desk.subject("deadline/c2", status="met")
        await desk.until_sent(1, step_s=5)

    [(sent, _, _)] = desk.email.accepted
    assert titles(sent) == ["deadline/c1", "deadline/c2"]
    assert {key for key, _ in desk.email.tried} == {digest.key}


async def test_one_part_that_is_left_alone_is_sent_as_itself(desk: Desk) -> None:
    alone = an_owed(1)
    await desk.owe(a_digest(alone, an_owed(2)))
    await desk.subject("deadline/c1")
    await desk.subject("deadline/c2", status="met")

    async with desk.working():
        await desk.settled.kind("sent")

    [(sent, _, _)] = desk.email.accepted
    assert (sent.key, sent.template, sent.parts) == (alone.key, "escalated", ())


async def test_of_which_nothing_is_left_is_cancelled_with_every_reason(desk: Desk) -> None:
    await desk.owe(a_digest(an_owed(1), an_owed(2)))
    await desk.subject("deadline/c1", status="met")
    await desk.subject("deadline/c2", status="cancelled")

    async with desk.working():
        await desk.settled.kind("cancelled")

    assert desk.email.tried == []
    assert (await desk.codes()).count(Code.CLOSED) == 3
