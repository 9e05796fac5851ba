"""One batch subscriber a topic, as FastStream gives it, and the partitions of it that are ours.

aiokafka makes an assignment live before it asks the listener (aio-libs/aiokafka#738), swallows what a listener raises,
and sends no heartbeat while one waits. So the listener pauses as its first statement, spawns, and returns; a partition
stays paused until its shard is loaded and the consumer stands at the stored place.
"""

import asyncio
import time
from itertools import groupby

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER

from service.broker.topic_id import topic_id
from service.consumers.kafka_shard import KafkaShard, Parts
from service.engine import BATCH_MAX
from service.store.contract import Shard
from service.telemetry.logs import get_log

log = get_log()

# How long the group waits for a member that says nothing. The store's fence, not this, keeps a late one harmless.
SESSION_TIMEOUT_MS = 10_000
# A rebalance waits until every member has heard of it, at its next heartbeat.
HEARTBEAT_MS = 1_000
# A poll wakes for a record; without one it ends after this.
POLL_MS = 1_000
# Then FastStream sleeps as long as it believes that a poll may wait: small, so that a lone event is not kept waiting.
SLEEP_MS = 1
# A hand-over waits this long for the commit in flight; after that its fence ends it.
HAND_OVER_WITHIN_S = 2.0

Records = tuple[ConsumerRecord, ...]


class PatientConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """FastStream has one figure for how long a poll waits and for how long it sleeps after an empty one. With 10 ms of
    each, half of all events met a sleep, twice on the way to their mail, and six idle topics took 2.5 % of a core for
    nothing (measured 2026-11)."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        found: dict[TopicPartition, list[ConsumerRecord]] = await super().getmany(
            *partitions, timeout_ms=max(timeout_ms, POLL_MS), max_records=max_records
        )
        return found


class TopicReader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Reads one topic into the shards that are assigned."""

    def __init__(self, kafka: KafkaBroker, topic: str, kafka_topic: str, name: str, parts: Parts) -> None:
        self.topic, self.kafka_topic, self._parts = topic, kafka_topic, parts
        self.shards: dict[int, KafkaShard] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.heard_at = time.monotonic()  # when Kafka last answered for this topic
        self.is_gone = False  # somebody deleted it
        self.subscriber = kafka.subscriber(
            kafka_topic,
            batch=True,
            group_id=f"followthrough.{kafka_topic}",
            # Two consumers with one group and one static id: one dies. The name of a worker is unique.
            group_instance_id=f"{name}.{kafka_topic}",
            # Every other policy loses (ACK_FIRST) or hot-loops (NACK_ON_ERROR); our place is in the store.
            ack_policy=AckPolicy.MANUAL,
            parser=_as_they_came,
            decoder=_records,
            auto_offset_reset="earliest",
            isolation_level="read_committed",  # an aborted transaction never happened
            max_records=BATCH_MAX,
            batch_timeout_ms=SLEEP_MS,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            listener=self,
            no_reply=True,
        )
        self.subscriber(self._take)

    @property
    def consumer(self) -> AIOKafkaConsumer:
        return self.subscriber.consumer

    async def _take(self, records: Records) -> None:
        given = []
        for partition, batch in groupby(records, key=lambda record: record.partition):
            if shard := self.shards.get(partition):
                await shard.offer(list(batch))
                given.append(shard)
        for shard in given:
            await shard.make_room()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.consumer.pause(*assigned)
        for one in assigned:
            shard = KafkaShard(Shard(self.topic, one.partition), one, self.consumer, self._parts)
            self.shards[one.partition] = shard
            again_after_s = SESSION_TIMEOUT_MS / 1000
            self._tasks[one.partition] = asyncio.create_task(shard.run(again_after_s))
        log.info("assigned", topic=self.topic, partitions=sorted(one.partition for one in assigned))

    async def on_partitions_revoked(self, _revoked: set[TopicPartition]) -> None:
        await self.let_go()

    async def let_go(self) -> None:
        """End every shard. aiokafka rebalances eagerly: all are taken away before any is given."""
        tasks, shards = list(self._tasks.values()), list(self.shards.values())
        self._tasks.clear()
        self.shards.clear()
        for shard in shards:
            shard.is_over = True
            self._parts.stopped.pop(shard.shard, None)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=HAND_OVER_WITHIN_S)

    async def look(self) -> None:
        """Ask Kafka what it tells nobody by itself: that records were cut off, or that the topic was made anew. What
        a consumer reads of either looks like any other record."""
        shards, name = dict(self.shards), self.kafka_topic
        found = await topic_id(self.consumer, name)
        self.is_gone = found is None
        if found is not None and shards:
            places = [TopicPartition(name, partition) for partition in shards]
            for place, first in (await self.consumer.beginning_offsets(places)).items():
                shards[place.partition].seen(first, found)
        self.heard_at = time.monotonic()

    async def tell_kafka(self) -> None:
        """A lazy copy of our places, for tools that show lag and for the check that the state was not wiped."""
        places = {
            TopicPartition(self.kafka_topic, partition): position
            for partition, shard in self.shards.items()
            if (position := shard.position) is not None and position > 0
        }
        if places:
            await self.consumer.commit(places)


async def _as_they_came(records: Records) -> KafkaMessage:
    """FastStream's own parser decodes every header and raises on one that is no text."""
    return KafkaMessage(body=b"", raw_message=records, consumer=FAKE_CONSUMER)


async def _records(message: KafkaMessage) -> Records:
    raw: Records = message.raw_message
    return raw
