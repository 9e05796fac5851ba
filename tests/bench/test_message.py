"""From an event to its message: a POST begins, a mail has arrived at an SMTP server in another process.

Fifty a second, one at a time. Ours commits twice to disk on the way, decides twice, renders and signs; the bare script
sends the mail from the request's handler and forgets.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from tests.bench.mail_sink import MailSink, mail_sink
from tests.bench.service_process import event, post, running
from tests.bench.table import ROUNDS, Table, interleaved, percentile

pytestmark = [pytest.mark.bench, pytest.mark.timeout(180)]

A_SECOND = 50
# Two seconds a round: ten seconds of each in all.
EVENTS = 2 * A_SECOND


async def test_event_to_message(table: Table) -> None:
    async with mail_sink() as sink, running(sink.port) as service, bare_script(sink.port) as bare_url:
        due_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        names = [f"c{n}-{number}" for number in range(ROUNDS) for n in range(EVENTS)]
        await service.post(
            [
                event("deadline.set", name, title=f"Promise {name}", owner="ana", due_at=due_at)
                for name in names
            ]
        )
        async with aiohttp.ClientSession() as http:
            found: dict[str, list[tuple[float, float]]] = {service.url: [], bare_url: []}

            async def measure(url: str, number: int) -> float:
                async def send(name: str) -> None:
                    await post(http, url, [event("deadline.met", name)])

                late_ms = await latencies(send, sink, [f"c{n}-{number}" for n in range(EVENTS)], A_SECOND)
                found[url].append((percentile(late_ms, 50), percentile(late_ms, 99)))
                return 0

            await interleaved(lambda n: measure(service.url, n), lambda n: measure(bare_url, n))
    for place, name in enumerate(("p50", "p99")):
        ours, bare = ([figures[place] for figures in found[url]] for url in (service.url, bare_url))
        table.add(f"event to message, {name} in ms at 50/s; bare: POST, then mail", ours, bare)


async def latencies(
    send: Callable[[str], Awaitable[None]], sink: MailSink, names: list[str], a_second: int
) -> list[float]:
    """So many events a second, each sent when its turn has come, however long others take; milliseconds to the mail."""
    sink.mails.clear()
    sent_at: dict[str, float] = {}

    async def one(name: str, at: float) -> None:
        await asyncio.sleep(at - time.monotonic())
        sent_at[name] = time.time()
        await send(name)

    began = time.monotonic()
    await asyncio.gather(*[one(name, began + place / a_second) for place, name in enumerate(names)])
    await sink.has(len(names))
    return [(at - sent_at[name]) * 1000 for at, name in sink.mails]


@asynccontextmanager
async def bare_script(smtp_port: int) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bare_script", str(smtp_port)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()
