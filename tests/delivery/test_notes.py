"""What a worker leaves for the doctor: the last delivery and the last error of each channel, at next to no cost."""

from datetime import timedelta

import msgspec

from service.delivery import notes
from service.delivery.notes import Delivered, Failed, Notes
from tests.delivery.desk import NEVER, NOON, OUTAGE, Desk, ObedientChannel, an_owed


async def test_the_last_delivery_and_the_last_error_of_each_channel_are_noted(desk: Desk) -> None:
    desk.channels["wins"] = ObedientChannel("wins", kind="slack_webhook")
    desk.email.fails = [OUTAGE]
    await desk.owe(an_owed(1), an_owed(2, to="channel:wins", channel="wins", template="deal_won"))

    async with desk.working():
        await desk.settled.count(2)

    assert notes.decode(await desk.store.notes(notes.NAME)) == {
        "email": (None, Failed(NOON, OUTAGE.text)),
        "wins": (Delivered(NOON, "a channel", "deal_won"), None),
    }


async def test_a_later_delivery_leaves_the_error_and_names_nobody(desk: Desk) -> None:
    desk.email.fails = [NEVER]
    await desk.owe(an_owed(1))

    async with desk.working():
        await desk.settled.count(1)
    desk.later(minutes=1)
    await desk.owe(an_owed(2))
    async with desk.working():
        await desk.settled.count(2)

    raw = await desk.store.notes(notes.NAME)
    delivered, failed = notes.decode(raw)["email"]
    assert (delivered, failed) == (
        Delivered(NOON + timedelta(minutes=1), "a person", "escalated"),
        Failed(NOON, NEVER.text),
    )
    assert b"ana" not in b"".join(raw.values())


async def test_a_burst_is_one_write_a_second(desk: Desk) -> None:
    written: list[str] = []
    note = desk.store.note

    async def watched(name: str, field: str, value: bytes) -> None:
        written.append(field)
        await note(name, field, value)

    desk.store.note = watched
    time = [0.0]
    mine = Notes(desk.store, lambda: time[0])
    for number in range(100):
        mine.delivered(an_owed(number), NOON + timedelta(seconds=number))
        await mine.write()
    assert written == ["delivered email"]

    time[0] = 1.0
    await mine.write()
    await mine.write()

    assert written == ["delivered email"] * 2
    last = msgspec.json.decode((await desk.store.notes(notes.NAME))["delivered email"], type=Delivered)
    assert last.at == NOON + timedelta(seconds=99)
