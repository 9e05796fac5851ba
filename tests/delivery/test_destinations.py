"""A vendor who asks to be left alone is left alone; whoever else is on the same kind of channel notices nothing."""

import pytest

from service.channels.contract import ChannelError
from service.core.message import Reader
from tests.channels.hooks import Kind, channel_to
from tests.channels.vendor import Reply, Vendor
from tests.delivery.desk import Desk, an_owed

SECRET = "whsec_" + "a" * 40


@pytest.mark.parametrize("kind", ["slack_webhook", "teams_webhook", "webhook"])
async def test_a_429_of_one_url_holds_that_url_only_and_all_that_is_for_it(desk: Desk, kind: Kind) -> None:
    async with Vendor() as east, Vendor() as west:
        east.on_request = [Reply(429, {"Retry-After": "60"})]
        for name, vendor in (("east", east), ("west", west)):
            desk.channels[name] = channel_to(kind, vendor.url(), secret=SECRET)

        async with desk.working():
            await desk.owe(an_owed(1, to="channel:east", channel="east"))
            await desk.settled.count(1)
            await desk.owe(
                an_owed(2, to="channel:east", channel="east"), an_owed(3, to="channel:west", channel="west")
            )
            await desk.settled.count(3)
            assert (len(east.requests), len(west.taken)) == (1, 1)
            assert desk.outcomes("east") == {"retry": 1, "waiting": 1}
            assert desk.outcomes("west") == {"sent": 1}

            desk.later(seconds=75)
            await east.has_taken(2)
            await desk.settled.count(5)
        for name in ("east", "west"):
            await desk.channels[name].close()


async def test_a_mail_server_s_wish_about_one_address_holds_no_other_one(desk: Desk) -> None:
    desk.readers["leo"] = Reader("leo", "Leo", addresses={"email": "leo@example.com"})
    desk.email.fails = [ChannelError("the server said 451", retry_after_s=60)]

    async with desk.working():
        await desk.owe(an_owed(1))
        await desk.settled.count(1)
        await desk.owe(an_owed(2), an_owed(3, to="leo"))
        await desk.settled.count(3)

    assert [address for *_, address in desk.email.accepted] == ["leo@example.com"]
    assert desk.outcomes("email") == {"retry": 1, "waiting": 1, "sent": 1}
