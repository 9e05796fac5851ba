"""The engine on a real Kafka and a real Valkey, as the service wires it, without its web and its deliveries."""

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from service.broker import Broker, Publication
from service.broker.kafka import Access, KafkaLog, ensure_topics
from service.consumers import kafka, kafka_topic
from service.consumers.kafka import KafkaWorker
from service.consumers.kafka_shard import KafkaShard, Parts
from service.core.directory import World
from service.core.effects import Dead, LogEntry, decode_dead, decode_log
from service.core.envelope import admit
from service.core.ids import partition_of, split_subject
from service.core.model import Commitment, decode_state
from service.settings.load import load
from service.settings.policies import compile_policy
from service.store.clock import Clock
from service.store.connect import connect
from service.store.contract import Shard
from service.store.redis import RedisStore
from service.telemetry.metrics import Metrics
from service.worlds import Worlds
from tests.kafka_server import KafkaServer
from tests.servers import Server

CONFIG = Path(__file__).parents[1] / "faults" / "config"
PARTITIONS = 3
WITHIN_S = 30.0
_installations = itertools.count()


class Installation:
    """Topics and keys of its own on the servers all tests share; any number of workers."""

    def __init__(self, kafka: KafkaServer, store: RedisStore, prefix: str, ends: AsyncExitStack) -> None:
        self.use(Access(kafka.servers, topic_prefix=f"{prefix}.", partitions=PARTITIONS))
        self.store, self.prefix, self._ends = store, prefix, ends
        self.clock = Clock(store)
        settings = load(CONFIG, os.environ | {"SINK_PORT": "25"})
        contact = settings.service.fallback_contact
        self.world = World(settings.policies, settings.graph, {}, frozenset(settings.channels), contact)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.workers: dict[str, KafkaWorker] = {}

    def use(self, access: Access) -> None:
        """Another way to the same Kafka; before `start`."""
        self.access, self.log = access, KafkaLog(access)
        self.broker = Broker(self.log.append, PARTITIONS)

    async def start(self) -> None:
        await self.log.start(Broker.topics)
        self._ends.push_async_callback(self.log.stop)

    async def worker(self, name: str = "w1", **more: Any) -> KafkaWorker:
        worlds, metrics = Worlds(self.world, self.store, compile_policy), Metrics()
        parts = Parts(self.store, self.broker, worlds, self.clock, metrics, lambda _: None, **more)
        worker = KafkaWorker(name, self.access, parts)
        self.workers[name] = worker
        self.tasks[name] = asyncio.create_task(worker.run())
        self._ends.push_async_callback(self.stop, name)
        await until(lambda: worker.is_running and bool(worker._held) and not worker.loading)
        return worker

    async def stop(self, name: str = "w1") -> None:
        """As Ctrl-C: it lets go of what it holds and leaves its groups."""
        if task := self.tasks.pop(name, None):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # -- events in ------------------------------------------------------------------------------------------------
    async def publish(self, *events: dict[str, object]) -> None:
        """As the door does."""
        admitted = [admit(event, datetime.now(UTC)) for event in events]
        await self.broker.publish([Publication(event.topic, event.subject, raw) for event, raw in admitted])

    async def produce(
        self,
        value: bytes | None,
        *,
        partition: int,
        topic: str = "deadlines",
        headers: list[tuple[str, bytes]] | None = None,
        transactional_id: str | None = None,
    ) -> int:
        """As another program does; returns the offset."""
        settings = self.access.client() | {"transactional_id": transactional_id}
        async with AIOKafkaProducer(**settings) as producer:
            name = self.access.topic(topic)
            if transactional_id is None:
                sent = await producer.send_and_wait(name, value, b"k", partition, headers=headers or [])
            else:
                async with producer.transaction():
                    sent = await producer.send_and_wait(
                        name, value, partition=partition, headers=headers or []
                    )
            return int(sent.offset)

    async def cut(self, partition: int, before: int, topic: str = "deadlines") -> None:
        """Retention takes every record below `before`."""
        place = TopicPartition(self.access.topic(topic), partition)
        async with self._admin() as admin:
            await admin.delete_records({place: RecordsToDelete(before_offset=before)})

    async def wipe(self) -> None:
        wire = self.store._wire
        for key in await wire.call("KEYS", f"{self.prefix.rpartition('-')[0]}:*"):
            await wire.call("DEL", key)

    async def dump(self, shard: Shard) -> dict[bytes, bytes]:
        """Everything of a shard, as a snapshot has it."""
        wire = self.store._wire
        found = await wire.call("KEYS", f"*{{{shard}}}:*")
        mine = [key for key in found if key.startswith(f"{self.prefix.rpartition('-')[0]}:".encode())]
        return {key: await wire.call("DUMP", key) for key in mine}

    async def one_to_lose(self) -> tuple[dict[bytes, bytes], str]:
        """The shard of `c1` as it was before its newest commitment, and that one's id."""
        await self.publish(promise("c1"))
        await self.has("c1")
        kept = await self.dump(self.shard("c1"))
        [lost] = self.beside("c1", 1, "lost")
        await self.publish(promise(lost))
        await self.has(lost)
        return kept, lost

    async def restore(self, shard: Shard, kept: dict[bytes, bytes]) -> None:
        """The shard as it was, but for its epoch, which never goes back (acquire.lua)."""
        wire = self.store._wire
        for key in await self.dump(shard):
            if not key.endswith(b":epoch"):
                await wire.call("DEL", key)
        for key, value in kept.items():
            if not key.endswith(b":epoch"):
                await wire.call("RESTORE", key, 0, value)

    def beside(self, bare_id: str, count: int, tag: str = "d") -> list[str]:
        """Names of commitments in the same shard."""
        names = (f"{tag}{number}" for number in itertools.count())
        same = (name for name in names if self.shard(name) == self.shard(bare_id))
        return list(itertools.islice(same, count))

    def reader(self, bare_id: str, worker: str = "w1") -> KafkaShard:
        shard = self.shard(bare_id)
        topic = next(topic for topic in self.workers[worker].topics if topic.topic == shard.topic)
        return topic.shards[shard.partition]

    async def delete(self, topic: str = "deadlines") -> None:
        async with self._admin() as admin:
            name = self.access.topic(topic)
            await admin.delete_topics([name])
            while name in await admin.list_topics():  # noqa: ASYNC110 - Kafka deletes in its own time.
                await asyncio.sleep(0.05)

    async def make_anew(self, topic: str = "deadlines") -> None:
        """Delete a topic, where there is one, and make it again, as another one of the same name."""
        await self.delete(topic)
        await ensure_topics(self.access, Broker.topics)

    async def compress(self, kind: str, topic: str = "deadlines") -> None:
        """The broker keeps what it takes compressed from now on."""
        resource = ConfigResource(
            ConfigResourceType.TOPIC, self.access.topic(topic), {"compression.type": kind}
        )
        async with self._admin() as admin:
            await admin.alter_configs([resource])

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self.access.client())
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    # -- what became of them -----------------------------------------------------------------------------------------
    def shard(self, bare_id: str, topic: str = "deadlines") -> Shard:
        return Shard(topic, partition_of(bare_id, PARTITIONS))

    async def state(self, bare_id: str) -> Commitment | None:
        (raw,) = await self.store.load(self.shard(bare_id), [f"deadline/{bare_id}"])
        state = decode_state(raw) if raw is not None else None
        assert state is None or isinstance(state, Commitment)
        return state

    async def has(self, *bare_ids: str) -> None:
        for bare_id in bare_ids:
            await until(lambda bare_id=bare_id: self._is_open(bare_id))

    async def _is_open(self, bare_id: str) -> bool:
        state = await self.state(bare_id)
        return state is not None and state.opened_at is not None

    async def entries(self, bare_id: str = "", topic: str = "deadlines") -> list[LogEntry]:
        found = []
        for partition in range(PARTITIONS):
            logged = await self.store.log(Shard(topic, partition))
            found += [decode_log(one.value) for one in logged]
        return [one for one in found if not bare_id or split_subject(one.subject)[1] == bare_id]

    async def dead(self, topic: str = "deadlines") -> list[Dead]:
        shards = [Shard(topic, partition) for partition in range(PARTITIONS)]
        letters = [await self.store.dead_letters(shard, 100) for shard in shards]
        return [decode_dead(record.value) for records in letters for record in records]

    async def applied(self, bare_id: str) -> int:
        """How often an event changed it: every other entry says that it did not."""
        idle = {"already_decided", "duplicate", "forwarded"}
        return sum(not {r.code for r in one.reasons} & idle for one in await self.entries(bare_id))


async def until(is_so: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for a named condition."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            answer = is_so()
            if answer is True or (answer is not False and await answer):
                return
            await asyncio.sleep(0.02)


def promise(bare_id: str, days: float = 3.0, **data: object) -> dict[str, object]:
    due_at = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    return {
        "specversion": "1.0",
        "id": f"set-{bare_id}",
        "source": "tests",
        "type": "deadline.set",
        "data": {"commitment_id": bare_id, "title": f"Promise {bare_id}", "owner": "rep1", "due_at": due_at}
        | data,
    }


def as_json(event: dict[str, object]) -> bytes:
    return json.dumps(event).encode()


def elsewhere(bare_id: str) -> int:
    """A partition that is not the subject's own."""
    return (partition_of(bare_id, PARTITIONS) + 1) % PARTITIONS


@pytest.fixture
async def installation(
    kafka_server: KafkaServer, valkey_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    # Groups notice a dead member, and we try a fenced shard again, and ask Kafka what it does not say, sooner than in
    # service.
    monkeypatch.setattr(kafka_topic, "SESSION_TIMEOUT_MS", 6_000)
    monkeypatch.setattr(kafka, "LOOK_EVERY_S", 0.2)
    store = await connect(valkey_server.url, prefix)
    async with AsyncExitStack() as ends:
        ends.push_async_callback(store.close)
        one = Installation(kafka_server, store, f"{prefix}-{os.getpid()}", ends)
        await one.start()
        yield one
