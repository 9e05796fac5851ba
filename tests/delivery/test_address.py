"""Who is told is settled when it is decided; where they are reached is looked up at every attempt."""

from service.core.message import Reader
from tests.delivery.desk import TRY_LATER, Desk, an_owed


async def test_an_address_that_changed_while_a_message_waited_is_the_one_it_goes_to(desk: Desk) -> None:
    desk.email.fails = [TRY_LATER]
    await desk.owe(an_owed())
    async with desk.working():
        await desk.settled.count(1)
        desk.readers["ana"] = Reader("ana", "Ana", addresses={"email": "ana.ruiz@example.com"})
        desk.later(seconds=10)
        await desk.settled.count(2)

    ((owed, _, address),) = desk.email.accepted
    assert (owed.to, address) == ("ana", "ana.ruiz@example.com")
