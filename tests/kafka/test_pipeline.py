"""The pipeline of tests/integrations on a real broker, sent by a program that is not ours: the same deals, the same
messages as by every other way in."""

import asyncio
from random import Random

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Producer

from service.consumers import kafka_records
from service.core.effects import LogEntry, decode_log
from service.core.events import NotificationRequested
from service.store.contract import Shard
from tests.integrations import feeds, pipeline
from tests.integrations.files import NOW
from tests.kafka.conftest import PARTITIONS, Installation, as_json, until

pytestmark = [pytest.mark.server, pytest.mark.kafka]

SEED = 1


async def test_a_pipeline_told_on_kafka_ends_as_everywhere_else(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The broker's clock cannot be moved to NOW: by it, close dates would pass while this test grows old.
    monkeypatch.setattr(kafka_records, "_LOG_APPEND_TIME", None)
    deals = pipeline.deals(feeds.COUNT, Random(SEED))
    expected = feeds.expected(deals)
    by_pipedrive, told_by_pipedrive = feeds.folded(feeds.pipedrive_events(deals, Random(SEED)))
    installation.world = feeds.WORLD
    installation.clock.offset = NOW - await installation.store.now()
    await installation.worker()

    events = pipeline.by_kafka(deals, Random(SEED))
    await asyncio.to_thread(by_librdkafka, installation, events)
    await until(lambda: has_decided(installation, events))

    states = {subject: raw for subject in expected if (raw := await stored(installation, subject))}
    assert feeds.facts(states) == expected
    after = feeds.ahead(feeds.afterwards(by_pipedrive), expected)
    assert len(after) > 200
    assert feeds.ahead(feeds.afterwards(states), expected) == after
    won = {subject for subject, (status, *_) in expected.items() if status == "won"}
    celebrated = feeds.celebrated(await told(installation))
    assert set(celebrated.values()) == {1}
    assert {s: celebrated[s] for s in won} == {s: feeds.celebrated(told_by_pipedrive)[s] for s in won}
    assert await installation.dead("deals") == []


def by_librdkafka(installation: Installation, events: list[dict[str, object]]) -> None:
    """Keyed by the deal, so the partition is librdkafka's choice (CRC32), and most deals lie on a wrong one."""
    producer = Producer({"bootstrap.servers": ",".join(installation.access.servers)})
    for event in events:
        data = event["data"]
        assert isinstance(data, dict)
        producer.produce(installation.access.topic("deals"), as_json(event), data["deal_id"].encode())
    assert producer.flush(30) == 0


async def has_decided(installation: Installation, events: list[dict[str, object]]) -> bool:
    """Whether every record was decided where it belongs, and what was decided has been published."""
    decided = 0
    for shard in shards():
        after = "0"
        while logged := await installation.store.log(shard, after):
            entries = [decode_log(one.value) for one in logged]
            decided += sum(_is_decision(entry) for entry in entries)
            after = logged[-1].id
    wire, keys = installation.store._wire, installation.store._keys
    owed = [await wire.call("XLEN", keys.of(shard).emit) for shard in shards()]
    return decided >= len(events) and not any(owed)


def _is_decision(entry: LogEntry) -> bool:
    """On an event: neither a timer nor a record that was sent on to where it belongs."""
    return entry.input.startswith("deal.") and not any(why.code == "forwarded" for why in entry.reasons)


def shards() -> list[Shard]:
    return [Shard("deals", partition) for partition in range(PARTITIONS)]


async def stored(installation: Installation, subject: str) -> bytes | None:
    shard = installation.shard(subject.removeprefix("deal/"), "deals")
    (raw,) = await installation.store.load(shard, [subject])
    return raw


async def told(installation: Installation) -> list[NotificationRequested]:
    """Every request that went to the inboxes, from the topic itself."""
    name, found = installation.access.topic("inbox"), []
    places = [TopicPartition(name, partition) for partition in range(PARTITIONS)]
    async with AIOKafkaConsumer(**installation.access.client()) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [msgspec.json.decode(record.value) for record in records]
    return [
        msgspec.convert(event["data"], NotificationRequested)
        for event in found
        if event["type"] == "notification.requested"
    ]
