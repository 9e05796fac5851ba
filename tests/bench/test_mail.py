"""Mails a second: the e-mail channel, and the whole delivery worker over a store in memory, beside bare aiosmtplib.

All of them over as many persistent connections as the channel has, to an SMTP server in another process.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiosmtplib
import pytest

from service.channels.email import CONNECTIONS, EmailChannel
from service.channels.smtp import Server
from tests.bench.bare_script import mail
from tests.bench.mail_sink import mail_sink
from tests.bench.table import Table, interleaved
from tests.channels.samples import ANA, MESSAGE, SENDER, owed
from tests.delivery.desk import Desk, an_owed

pytestmark = [pytest.mark.bench, pytest.mark.timeout(180)]

MAILS = 500


async def test_mails_sent(table: Table) -> None:
    one = mail("one")
    async with mail_sink() as sink:
        rounds = await interleaved(
            lambda _: _channel(sink.port),
            lambda _: _worker(sink.port),
            lambda _: _bare(sink.port, lambda number: mail(str(number))),
            lambda _: _bare(sink.port, lambda _: one),
        )
    channel, worker, bare, ready = rounds
    table.add("mails/s, e-mail channel; bare: EmailMessage, then send", channel, bare)
    table.add("mails/s, e-mail channel; bare: the same bytes again and again", channel, ready)
    table.add("mails/s, delivery worker; bare: EmailMessage, then send", worker, bare)


async def _channel(port: int) -> float:
    channel = EmailChannel(Server("127.0.0.1", port), SENDER)

    async def send(_hand: int, number: int) -> None:
        await channel.send(owed(key=f"{number:032x}"), MESSAGE, ANA)

    found = await _per_second(send)
    await channel.close()
    return found


async def _bare(port: int, build: Callable[[int], bytes]) -> float:
    clients = [aiosmtplib.SMTP(hostname="127.0.0.1", port=port) for _ in range(CONNECTIONS)]
    for client in clients:
        await client.connect()

    async def send(hand: int, number: int) -> None:
        await clients[hand].sendmail("ft@example.com", [ANA], build(number))

    found = await _per_second(send)
    for client in clients:
        await client.quit()
    return found


async def _per_second(send: Callable[[int, int], Awaitable[None]]) -> float:
    async def hand(first: int) -> None:
        for number in range(first, MAILS, CONNECTIONS):
            await send(first, number)

    began = time.perf_counter()
    await asyncio.gather(*[hand(first) for first in range(CONNECTIONS)])
    return MAILS / (time.perf_counter() - began)


async def _worker(port: int) -> float:
    desk = Desk()
    desk.channels["email"] = channel = EmailChannel(Server("127.0.0.1", port), SENDER)
    desk.render = lambda _owed, _reader: MESSAGE
    await desk.owe(*[an_owed(number) for number in range(MAILS)])
    began = time.perf_counter()
    async with desk.working():
        await desk.settled.count(MAILS)
        took = time.perf_counter() - began
    await channel.close()
    return MAILS / took
