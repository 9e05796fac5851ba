"""The engine on a real Kafka and a real server, as the service wires it, without its web and its deliveries."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from service.broker import Broker, Publication
from service.broker.kafka import Access, KafkaLog
from service.consumers.kafka import KafkaWorker
from service.consumers.kafka_shard import Parts
from service.core.envelope import admit
from service.engine import BATCH_MAX
from service.store.clock import Clock
from service.store.connect import connect
from service.store.redis import RedisStore
from tests.bench.stage import APPEND_MAX, PARTITIONS, SHARDS, Stage, wait_for
from tests.kafka_server import KafkaServer
from tests.servers import Server


class Gate(Clock):
    """A clock that tells nothing while it is shut: readers have their next batches in hand, and decide none."""

    def __init__(self, store: RedisStore) -> None:
        super().__init__(store)
        self._opened = asyncio.Event()
        self.open()

    def shut(self) -> None:
        self._opened.clear()

    def open(self) -> float:
        self._opened.set()
        return time.time()

    async def now(self) -> datetime:
        await self._opened.wait()
        return await super().now()


class KafkaStage(Stage):
    """As `Stage`, with its log on Kafka and a worker that reads it."""

    def __init__(self, store: RedisStore, config: Path, log: KafkaLog) -> None:
        super().__init__(store, config)
        self.log, self.broker = log, Broker(log.append, PARTITIONS)
        self.clock = self.gate = Gate(store)

    async def feed(self, events: Sequence[dict[str, object]]) -> None:
        now = await self.store.now()
        for first in range(0, len(events), APPEND_MAX):
            admitted = [admit(event, now) for event in events[first : first + APPEND_MAX]]
            await self.broker.publish(
                [Publication(event.topic, event.subject, raw) for event, raw in admitted]
            )

    async def record(self, events: Sequence[dict[str, object]]) -> None:
        async with self.working():
            await self.feed(events)
            await self.committed(len(events))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        given = (
            self.store,
            self.broker,
            self.worlds,
            self.clock,
            self.metrics,
            self.settings.book.id_of_email,
        )
        worker = KafkaWorker("bench", self.log.access, Parts(*given))
        task = asyncio.create_task(worker.run())
        try:
            await wait_for(lambda: worker.owned == len(worker.shards), task)
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def committed(self, count: int) -> float:
        """Once `count` events of the deadlines' topic are stored: when the last was."""
        while True:
            commits = [
                (commit, at) for shard, commit, at in self.commits if shard in SHARDS and commit.offset
            ]
            if sum(len(commit.log) for commit, _ in commits) >= count:
                return max(at for _, at in commits)
            await asyncio.sleep(0.02)

    async def ends(self) -> dict[TopicPartition, int]:
        async with self.consumer() as consumer:
            return dict(await consumer.end_offsets(consumer.assignment()))

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A bare one of the deadlines' partitions, with what our subscriber asks for."""
        topic = self.log.access.topic("deadlines")
        consumer = AIOKafkaConsumer(
            **self.log.access.client(), isolation_level="read_committed", max_poll_records=BATCH_MAX
        )
        consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


@asynccontextmanager
async def kafka_stage(
    kafka: KafkaServer, server: Server, config: Path, prefix: str
) -> AsyncIterator[KafkaStage]:
    store = await connect(server.url)
    log = KafkaLog(Access(kafka.servers, f"{prefix}.", PARTITIONS))
    try:
        await log.start(Broker.topics)
        yield KafkaStage(store, config, log)
    finally:
        await log.stop()
        await store.close()
