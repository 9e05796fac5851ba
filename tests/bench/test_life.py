"""Processor time of a commitment's whole life: set, reminded, missed, met, three mails; the service and its store.

Beside it a loop in this process that builds and sends the same number of mails and does nothing else.
"""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.bench.bare_script import HANDS, Mailer
from tests.bench.mail_sink import MailSink, mail_sink
from tests.bench.service_process import RunningService, event, running
from tests.bench.table import ROUNDS, Table, interleaved

pytestmark = [pytest.mark.bench, pytest.mark.timeout(240)]

COMMITMENTS = 500
MAILS = 3 * COMMITMENTS
# The reminder comes two seconds before the date (config/policies); this is a second more.
AHEAD = timedelta(seconds=3)


async def test_whole_lives(table: Table) -> None:
    async with mail_sink() as sink, running(sink.port) as service:
        ours, bare = await interleaved(
            lambda number: _ours(service, sink, number), lambda _: _bare(sink), rounds=ROUNDS
        )
    table.add("CPU-s per 1,000 commitments, set to met; bare: their mails", ours, bare)


async def _ours(service: RunningService, sink: MailSink, number: int) -> float:
    sink.mails.clear()
    used = service.cpu_s()
    names = [f"c{n}-{number}" for n in range(COMMITMENTS)]
    due_at = (datetime.now(UTC) + AHEAD).isoformat()
    people = ("ana", "kim", "leo", "mia")
    await service.post(
        [
            event("deadline.set", name, title=f"Promise {name}", owner=people[n % 4], due_at=due_at)
            for n, name in enumerate(names)
        ]
    )
    await sink.has(2 * COMMITMENTS)
    await service.post([event("deadline.met", name) for name in names])
    await sink.has(MAILS)
    return (service.cpu_s() - used) / COMMITMENTS * 1000


async def _bare(sink: MailSink) -> float:
    mailer = Mailer()
    await mailer.open(sink.port, HANDS)
    began = time.process_time()
    for n in range(MAILS):
        mailer.titles.put_nowait(f"Promise c{n}")
    await mailer.titles.join()
    used = time.process_time() - began
    await mailer.close()
    return used / COMMITMENTS * 1000
