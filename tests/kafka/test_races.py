"""Moments at which a store that loses its last second, or a producer, does the worst it can."""

import asyncio
import contextlib
from datetime import datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from service.consumers.kafka_shard import KafkaShard
from service.engine import Gap, Owner
from service.store.clock import Clock
from tests.kafka.conftest import Installation, as_json, elsewhere, promise, until

pytestmark = [pytest.mark.server, pytest.mark.kafka]


async def test_what_was_polled_before_a_rollback_hides_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    """Batches are in hand, and more come, while the shard is put back to an earlier place."""
    await installation.worker()
    shard, gate, offered = installation.shard("c1"), asyncio.Event(), list[int]()
    kept, lost = await installation.one_to_lose()
    *waiting, late, later = installation.beside("c1", 5)
    take, offer = Owner.take, KafkaShard.offer

    async def slow(self: Owner, *given: Any) -> None:
        if self.shard == shard:
            await gate.wait()
        await take(self, *given)

    def counted(self: KafkaShard, records: list[Any]) -> Any:
        if self.shard == shard:
            offered.append(records[0].offset)
        return offer(self, records)

    monkeypatch.setattr(Owner, "take", slow)
    monkeypatch.setattr(KafkaShard, "offer", counted)
    for number, name in enumerate(waiting, 1):
        await installation.publish(promise(name))
        await until(lambda number=number: len(offered) >= number)

    await installation.restore(shard, kept)
    gate.set()
    await installation.publish(promise(late))
    await installation.has(late)
    await installation.publish(promise(later))

    await installation.has(lost, *waiting, late, later)
    names = ("c1", lost, *waiting, late, later)
    assert [await installation.applied(name) for name in names] == [1] * len(names)


async def test_records_polled_before_a_seek_are_not_taken_for_what_comes_after_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    await installation.worker()
    kept, lost = await installation.one_to_lose()
    [last] = installation.beside("c1", 1)
    reader, offer = installation.reader("c1"), KafkaShard.offer
    polled, seeked = asyncio.Event(), asyncio.Event()

    async def late(self: KafkaShard, records: list[Any]) -> None:
        if self is reader and not polled.is_set():
            polled.set()
            await seeked.wait()
        await offer(self, records)

    monkeypatch.setattr(KafkaShard, "offer", late)
    await installation.publish(promise(last))
    await polled.wait()
    await installation.restore(installation.shard("c1"), kept)
    assert reader.owner is not None
    with pytest.raises(Gap):
        await reader.owner.check(await installation.clock.now())
    await until(lambda: reader._next == 1)
    seeked.set()

    await installation.has(lost, last)


async def test_a_rollback_that_a_timer_meets_while_a_batch_is_begun_loses_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    await installation.worker()
    kept, lost = await installation.one_to_lose()
    [last] = installation.beside("c1", 1)
    real, has_happened = Clock.now, asyncio.Event()

    async def now(self: Clock) -> datetime:
        at = await real(self)
        reader, task = installation.reader("c1"), asyncio.current_task()
        is_feed = task is not None and "KafkaShard._feed" in task.get_coro().__qualname__  # type: ignore[union-attr]
        if is_feed and reader._batches and reader.owner and not has_happened.is_set():
            has_happened.set()
            await installation.restore(installation.shard("c1"), kept)
            with contextlib.suppress(Gap):
                await reader.owner.check(at)  # as a timer's commit does
        return at

    monkeypatch.setattr(Clock, "now", now)
    await installation.publish(promise(last))

    await installation.has(last, lost)
    assert has_happened.is_set()


async def test_an_aborted_transaction_never_happened(installation: Installation):
    await installation.worker()
    place = installation.access.topic("deadlines"), installation.shard("c1").partition
    settings = installation.access.client() | {"transactional_id": f"a-{installation.prefix}"}
    async with AIOKafkaProducer(**settings) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(place[0], as_json(promise("c1")), partition=place[1])
        await producer.abort_transaction()

    [after] = installation.beside("c1", 1)
    await installation.publish(promise(after))
    await installation.has(after)
    assert await installation.state("c1") is None


@pytest.mark.parametrize("origin", ["deadlines.0@²", "deadlines.1@999999", "deadlines.1@" + "9" * 40, "@"])
async def test_an_origin_that_is_not_ours_is_not_believed(installation: Installation, origin: str):
    await installation.worker()
    partition = installation.shard("c1").partition
    header = [("ft-origin", origin.encode())]

    await installation.produce(as_json(promise("c1")), partition=partition, headers=header)
    await installation.has("c1")
    [other] = installation.beside("c1", 1)
    for wrong in {elsewhere("c1"), elsewhere("c1") + 1} & {0, 1, 2} - {partition}:
        await installation.produce(as_json(promise(other)), partition=wrong)

    await installation.has(other)


@pytest.mark.parametrize("kind", ["lz4", "snappy", "zstd", "gzip"])
async def test_what_is_compressed_is_read(installation: Installation, kind: str):
    await installation.worker()
    await installation.compress(kind)

    await installation.publish(promise("c1"))

    await installation.has("c1")
