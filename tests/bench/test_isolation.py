"""How long a Slack message takes while the mail server hangs, beside the same when there are no mails at all.

Real channels, a real store, real servers; while it hangs, every message in Slack comes with a mail. Slack's
own limit of one message a second is taken off: it would hide what is measured. They come no faster than two hands
send them, or the queue would be what is measured.
"""

import asyncio
import re
import time

import pytest
from msgspec.structs import replace

from service.channels.email import EmailChannel
from service.channels.smtp import Server as Smtp
from service.delivery.limits import Limits
from service.store.redis import RedisStore
from service.store.wire import open_client
from tests.bench.table import Table, interleaved, percentile
from tests.channels import judges
from tests.channels.hooks import channel_to
from tests.channels.samples import MESSAGE, SENDER
from tests.channels.sink import HANG, Sink
from tests.channels.vendor import Reply, Request, Vendor
from tests.delivery.desk import Desk, an_owed
from tests.servers import Server

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

MESSAGES, EVERY_S = 100, 0.05
_NUMBER = re.compile(rb"Offer (\d+)")


async def test_slack_while_the_mail_server_hangs(table: Table, server: Server) -> None:
    hanging, alone = await interleaved(
        lambda number: _p99_ms(server, f"hanging{number}", is_hanging=True),
        lambda number: _p99_ms(server, f"alone{number}", is_hanging=False),
    )

    ratio = table.add("ms, p99 of Slack while SMTP hangs; bare: without mails", hanging, alone)

    assert ratio < 2


async def _p99_ms(server: Server, prefix: str, *, is_hanging: bool) -> float:
    taken: dict[int, float] = {}

    def judge(request: Request) -> Reply:
        found = _NUMBER.search(request.body)
        assert found is not None
        taken[int(found[1])] = time.perf_counter()
        return judges.slack(request)

    store = RedisStore(open_client(server.url), prefix)
    async with Sink() as sink, Vendor(judge=judge) as slack:
        desk = Desk(store)
        desk.timer, desk.limits = time.monotonic, Limits()
        desk.render = lambda owed, _: replace(MESSAGE, subject=f"Offer {owed.subject.partition('/c')[2]}")
        desk.channels["email"] = mail = EmailChannel(Smtp("127.0.0.1", sink.port), SENDER)
        desk.channels["wins"] = wins = channel_to("slack_webhook", slack.url())
        if is_hanging:
            sink.on["MAIL"] = [HANG] * 10_000
        begun: dict[int, float] = {}
        async with desk.working():
            if is_hanging:
                await desk.owe(*[an_owed(10_000 + hand) for hand in range(mail.concurrency)])
                await sink.has_seen("MAIL", mail.concurrency)
            for number in range(MESSAGES):
                begun[number] = time.perf_counter()
                mails = [an_owed(number)] if is_hanging else []
                await desk.owe(an_owed(number, to="channel:wins", channel="wins"), *mails)
                await asyncio.sleep(max(0.0, begun[number] + EVERY_S - time.perf_counter()))
            await slack.has_taken(MESSAGES)
            assert sink.mails == []
            await mail.close()  # those in flight end, so that the worker may
        await wins.close()
    await store.close()
    return percentile([taken[number] - begun[number] for number in range(MESSAGES)], 99) * 1000
