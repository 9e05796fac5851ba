"""The event log of production: Kafka topics, read by any number of workers, each owning what Kafka assigns to it.

`kafka_topic.py` is a topic, `kafka_shard.py` a partition of it. This file starts and ends them, and answers for all.
"""

import asyncio
import contextlib
import dataclasses
import logging
import time
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from service.broker.kafka import Access
from service.consumers.backlog import measure_backlog
from service.consumers.kafka_shard import SOURCE, KafkaShard, Parts
from service.consumers.kafka_topic import PatientConsumer, TopicReader
from service.consumers.timers import Timers
from service.engine import Fenced, Gap, Owner
from service.store.contract import Shard, StoreDown
from service.telemetry.logs import get_log

log = get_log()

TELL_KAFKA_EVERY_S = 5.0
LOOK_EVERY_S = 5.0
LOOK_WITHIN_S = 5.0
# Two looks in a row failed: nobody who sends us events should believe that they are decided now.
SILENT_AFTER_S = 15.0
TRIM_EVERY_S = 3600.0
TRIM_FIRST_AFTER_S = 60.0


class KafkaWorker:
    """Reads the topics while it runs; `run` until cancelled."""

    def __init__(self, name: str, access: Access, parts: Parts) -> None:
        self._timers = Timers(
            *(parts.store, [], parts.clock, parts.metrics, self._beat), self._head, self._fenced, self._check
        )
        self._parts = parts = dataclasses.replace(
            parts,
            beat=self._beat,
            load=self._load,
            unload=self._unload,
            end=self._end,
            give_way=self._timers.give_way,
        )
        # No producer: ours is in broker/kafka.py. The logger is the only way to hear of errors of its reading loop;
        # below `faststream` it would print past us, and it tells of every batch.
        self._kafka = KafkaBroker(
            list(access.servers),
            client_id=f"followthrough-{name}",
            consumer_only=True,
            security=access.security(),
            apply_types=False,
            logger=logging.getLogger("faststream-kafka"),
            log_level=logging.DEBUG,
        )
        self._access = access
        topics = parts.broker.topics
        self.topics = [TopicReader(self._kafka, topic, access.topic(topic), name, parts) for topic in topics]
        self.shards = [Shard(topic, p) for topic in topics for p in range(parts.broker.partitions)]
        self._loaded: dict[Owner, KafkaShard] = {}
        self.begun = asyncio.Event()
        self.is_running = False
        self._beat_at = time.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the engine last went round: what readiness and the watchdog look at."""
        return time.monotonic() - self._beat_at

    @property
    def _held(self) -> list[KafkaShard]:
        """What Kafka has assigned to us."""
        return [shard for topic in self.topics for shard in topic.shards.values()]

    @property
    def loading(self) -> list[Shard]:
        """Assigned shards that neither stand at their place nor were stopped."""
        return [one.shard for one in self._held if one.owner is None and one.shard not in self._parts.stopped]

    @property
    def reasons(self) -> list[str]:
        """What keeps it from its work, in plain sentences."""
        if not self.is_running:
            return ["it is connecting to Kafka"]
        silent = [one for one in self.topics if time.monotonic() - one.heard_at > SILENT_AFTER_S]
        if silent:
            age_s = time.monotonic() - min(one.heard_at for one in silent)
            topics = ", ".join(one.topic for one in silent)
            return [f"Kafka has not answered for {age_s:.0f} s (asked for {topics})"]
        gone = [f"the topic {one.kafka_topic} was deleted" for one in self.topics if one.is_gone]
        if gone:
            return gone
        stopped = [f"{shard}: {why}" for shard, why in self._parts.stopped.items()]
        return stopped + ([f"loading {', '.join(map(str, self.loading))}"] if self.loading else [])

    @property
    def is_owner(self) -> bool:
        """Whether every shard assigned to us is loaded, and there is one."""
        held = self._held
        return self.is_running and bool(held) and all(shard.owner is not None for shard in held)

    @property
    def owned(self) -> int:
        return len(self._loaded)

    async def run(self) -> None:
        # Where a partition ends is asked over a connection of its own: on a reader's the question waits behind a fetch,
        # which waits half a second for records, and timers wait for the answer.
        self._asking = AIOKafkaConsumer(**self._access.client(), isolation_level="read_committed")
        try:
            await self._asking.start()
            made: Any = await self._kafka.connect()  # a consumer of aiokafka, and how it reaches Kafka
            self._kafka.config.broker_config.builder = partial(PatientConsumer, **made.keywords)
            # Together: `start` of the broker joins one group after the other, and each waits for a heartbeat of others.
            await asyncio.gather(*(topic.subscriber.start() for topic in self.topics))
            for topic in self.topics:
                topic.heard_at = time.monotonic()
            self.is_running = True
            self.begun.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell_kafka())
                for topic in self.topics:
                    group.create_task(self._look(topic))
                group.create_task(self._trim())
                group.create_task(self._timers.run())
        finally:
            self.is_running = False
            await asyncio.gather(*(topic.let_go() for topic in self.topics))
            await self._kafka.stop()
            await self._asking.stop()
            await asyncio.gather(*(topic.let_go() for topic in self.topics))  # assigned while it was ending

    # -- the timers of all shards, fired by one loop -------------------------------------------------------------
    def _load(self, shard: KafkaShard, owner: Owner) -> None:
        self._loaded[owner] = shard
        self._timers.add(owner)

    def _unload(self, owner: Owner) -> None:
        with contextlib.suppress(KeyError):
            self._parts.metrics.lag_seconds.remove(str(owner.shard))
        self._timers.remove(owner)
        del self._loaded[owner]

    async def _head(self, owner: Owner) -> str:
        return await self._loaded[owner].head(owner)

    async def _end(self, partition: TopicPartition) -> int:
        return int((await self._asking.end_offsets([partition]))[partition])

    def _fenced(self, owner: Owner) -> None:
        if shard := self._loaded.get(owner):
            shard.fenced(owner)

    async def _check(self) -> None:
        """The store was away and may have lost its last second: every shard asks whether it stands where it did."""
        now = await self._parts.clock.now()
        for owner in list(self._loaded):
            try:
                await owner.check(now)
            except Gap as gap:  # its shard reads again from the stored place
                log.warning("rolled_back", shard=str(owner.shard), error=str(gap))
            except Fenced:
                self._fenced(owner)

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
        self._parts.metrics.engine_age_seconds.set(0)

    async def _tell_kafka(self) -> None:
        while True:
            await asyncio.sleep(TELL_KAFKA_EVERY_S)
            self._parts.metrics.shards_owned.set(self.owned)
            with contextlib.suppress(StoreDown):
                await measure_backlog(self._parts.store, self.shards, self._parts.metrics)
            for topic in self.topics:
                with contextlib.suppress(KafkaError):  # a rebalance, or Kafka is away: the next one will do
                    await topic.tell_kafka()

    async def _look(self, topic: TopicReader) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with contextlib.suppress(KafkaError, OSError):  # a timeout is an OSError, too
                async with asyncio.timeout(LOOK_WITHIN_S):
                    await topic.look()

    async def _trim(self) -> None:
        """Nothing grows for ever: old log entries and dead letters go after their time."""
        await asyncio.sleep(TRIM_FIRST_AFTER_S)  # the shards are loaded by then
        while True:
            for held in self._held:
                with contextlib.suppress(StoreDown):
                    await self._parts.store.trim(held.shard, SOURCE)
            await asyncio.sleep(TRIM_EVERY_S)
