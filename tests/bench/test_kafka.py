"""The production shape on a real Kafka: events committed a second, and from an event to its mail.

One process decides and stores; Kafka, the store, the mail server and the bench share the machine with it.
"""

import time
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiokafka import TopicPartition

from service.broker import Broker, Publication
from service.broker.kafka import Access, KafkaLog
from service.core.envelope import admit
from tests.bench.kafka_stage import KafkaStage, kafka_stage
from tests.bench.mail_sink import mail_sink
from tests.bench.service_process import event, post, running
from tests.bench.stage import LADDER, PARTITIONS
from tests.bench.table import ROUNDS, Table, percentile
from tests.bench.test_events import lives
from tests.bench.test_message import bare_script, latencies
from tests.kafka_server import KafkaServer
from tests.servers import Server

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

# Of processor time, because that is what bounds it: in some 120 µs of Python an event is decoded, decided and stored,
# and every fourth asks something of an inbox; `getmany` takes 4 µs. Half of what was measured (0.03, 2026-11), so that
# only a change of ours can miss it.
RATIO_MIN = 0.015
A_SECOND = 200
MAILS = 2 * A_SECOND


async def test_events_committed_from_kafka(kafka_server: KafkaServer, server: Server, table: Table) -> None:
    ours, bare, ours_cpu, bare_cpu = [], [], [], []
    async with kafka_stage(kafka_server, server, LADDER, "bench-events") as engine:
        for number in range(ROUNDS):
            events, before = list(lives(engine, number)), await engine.ends()
            async with engine.working():
                engine.commits.clear()
                engine.gate.shut()
                await engine.feed(events)
                used, began = time.process_time(), engine.gate.open()
                took = await engine.committed(len(events)) - began
                ours_cpu.append(len(events) / (time.process_time() - used))
            ours.append(len(events) / took)
            used = time.process_time()
            bare.append(len(events) / await _read(engine, before, len(events)))
            bare_cpu.append(len(events) / (time.process_time() - used))
    table.add("events committed/s from Kafka; bare: getmany", ours, bare)
    ratio = table.add("the same, events a CPU-s of the process", ours_cpu, bare_cpu)
    assert ratio >= RATIO_MIN


async def _read(engine: KafkaStage, before: dict[TopicPartition, int], count: int) -> float:
    """The seconds to read them and do nothing."""
    async with engine.consumer() as consumer:
        for partition, offset in before.items():
            consumer.seek(partition, offset)
        began = time.perf_counter()
        while count > 0:
            count -= sum(map(len, (await consumer.getmany(timeout_ms=1000)).values()))
        return time.perf_counter() - began


async def test_event_to_mail_on_kafka(kafka_server: KafkaServer, server: Server, table: Table) -> None:
    """Two hundred a second, put on the topic as another program would; two hops over Kafka and two commits each."""
    access = Access(kafka_server.servers, "bench-mail.", PARTITIONS)
    log, ours, bare = KafkaLog(access), list[list[float]](), list[list[float]]()
    broker = Broker(log.append, PARTITIONS)
    settings = {
        "FOLLOWTHROUGH_EVENT_LOG": kafka_server.url,
        "FOLLOWTHROUGH_KAFKA__TOPIC_PREFIX": access.topic_prefix,
        "FOLLOWTHROUGH_KAFKA__PARTITIONS": str(PARTITIONS),
        "REDIS_URL": server.url,
    }

    async def publish(*events: dict[str, object]) -> None:
        admitted = [admit(one, datetime.now(UTC)) for one in events]
        await broker.publish([Publication(one.topic, one.subject, raw) for one, raw in admitted])

    async def met(name: str) -> None:
        await publish(event("deadline.met", name))

    async with (
        mail_sink() as sink,
        running(sink.port, **settings),
        bare_script(sink.port) as url,
        aiohttp.ClientSession() as http,
    ):

        async def posted(name: str) -> None:
            await post(http, url, [event("deadline.met", name)])

        try:
            await log.start(Broker.topics)
            due_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
            for number in range(ROUNDS):
                names = [f"c{n}-{number}" for n in range(MAILS)]
                given = {"owner": "ana", "due_at": due_at}
                await publish(*(event("deadline.set", one, title=f"Promise {one}", **given) for one in names))
                ours.append(await latencies(met, sink, names, A_SECOND))
                bare.append(await latencies(posted, sink, names, A_SECOND))
        finally:
            await log.stop()
    for percent in (50, 99):
        figures = ([percentile(found, percent) for found in each] for each in (ours, bare))
        table.add(f"event on Kafka to mail, p{percent} in ms at 200/s; bare: POST, then mail", *figures)
