"""One partition that Kafka assigned to us: acquire it in the store, then feed its owner until it is taken away.

The place where reading goes on is the store's, never Kafka's: the effects of every record before it are in the same
commit. What the store and Kafka cannot both be right about stops the shard loudly; it is never skipped.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from service.broker import Broker
from service.broker.topic_id import topic_id
from service.consumers.kafka_records import read_record
from service.consumers.reading import IdOfEmail, publish_all
from service.engine import BATCH_MAX, Fenced, Gap, Input, Owner, publish_emits
from service.store.clock import Clock
from service.store.contract import LogDown, Record, Shard, Store, StoreDown, Unfit
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics
from service.worlds import Worlds

log = get_log()

SOURCE = "kafka"
# Beside the place: which topic it is a place in. No origin of a forwarded record is written so.
TOPIC_ID = "kafka@topic"
# As `Owner.skip_to` leaves what stands beside the place: which topic it is, Kafka has not said since.
UNKNOWN = "0"
# Two batches: the next one lies ready while the first is being committed.
BATCHES_MAX = 2
# The reader of the topic waits this long for room; then it leaves this partition alone and reads the others.
ROOM_WITHIN_S = 1.0
STORE_AGAIN_AFTER_S = 0.5
FULL_AGAIN_AFTER_S = 1.0
HEAD_WITHIN_S = 5.0
# Nobody is accused while the event that says otherwise may lie unread; but not for ever (design, "Timers").
ACCUSE_HOLD_S = 15 * 60.0


class OutOfStep(Unfit):
    """What Kafka has and what the store remembers do not fit together: a person must decide."""


class _WasReset(Exception):
    """The consumer was put elsewhere than we had it: begin again, and see whether store and topic still fit."""


async def _at_once() -> None: ...


async def _nowhere(_: TopicPartition) -> int:
    raise KafkaError("nobody is there to ask")


@dataclass(frozen=True)
class Parts:
    """What every shard needs of the process."""

    store: Store
    broker: Broker
    worlds: Worlds
    clock: Clock
    metrics: Metrics
    id_of_email: IdOfEmail
    is_full: Callable[[], bool] = lambda: False
    accepts_state_loss: bool = False
    beat: Callable[[], None] = lambda: None  # the engine has gone round
    # An owner begins, and its timers are to be fired; it ends.
    load: Callable[["KafkaShard", Owner], None] = lambda _, __: None
    unload: Callable[[Owner], None] = lambda _: None
    end: Callable[[TopicPartition], Awaitable[int]] = _nowhere  # the offset after a partition's last record
    give_way: Callable[[], Awaitable[None]] = _at_once  # what is due comes before what is published
    stopped: dict[Shard, str] = field(default_factory=dict)  # shards out of step, and why
    # Shards that stood once: what they lose later, nobody has accepted (`accepts_state_loss` is of the start).
    stood: set[Shard] = field(default_factory=set)
    careful: asyncio.Lock = field(default_factory=asyncio.Lock)  # one suspect at a time is decided alone


class _Batch(NamedTuple):
    """Records as they were handed over; `begins` is the offset that was expected first."""

    begins: int
    records: list[ConsumerRecord]


class KafkaShard:
    """`run` until cancelled; the topic's reader hands records over by `offer`."""

    def __init__(
        self, shard: Shard, partition: TopicPartition, consumer: AIOKafkaConsumer, parts: Parts
    ) -> None:
        self.shard, self._parts = shard, parts
        self.owner: Owner | None = None
        self._partition, self._consumer = partition, consumer
        self._batches: deque[_Batch] = deque()
        self._first = self._next = 0  # where the topic began when we came; the offset expected next
        self._is_paused = True
        self.is_over = False  # the partition was taken away: whatever is still awaited, own it no more
        self._end: Exception | None = None  # why feeding has to end, found out elsewhere
        self._unreadable_since = self._ask_head_at = 0.0  # by the process's timer; 0 while Kafka answers
        self._given, self._room = asyncio.Event(), asyncio.Event()

    async def run(self, again_after_s: float) -> None:
        """Own the shard. When another owner has fenced us while Kafka still says that it is ours, own it again after
        `again_after_s`: until then the group has noticed whose it is."""
        # A task group of Python 3.11 may swallow a cancellation beside an error of a member; hence `is_over`.
        while not self.is_over and self.shard not in self._parts.stopped:
            try:
                await self._own()
            except* Fenced as fenced:
                log.warning("fenced", shard=str(self.shard), error=str(fenced.exceptions[0]))
                await asyncio.sleep(again_after_s)
            except* (StoreDown, KafkaError) as down:
                log.warning("store_down", shard=str(self.shard), error=repr(down.exceptions[0]))
                await asyncio.sleep(STORE_AGAIN_AFTER_S)
            except* Unfit as unfit:
                why = self._parts.stopped[self.shard] = str(unfit.exceptions[0])
                log.error("shard_stopped", shard=str(self.shard), error=why)  # noqa: TRY400 - its text says all
            except* _WasReset as reset:
                log.warning("place_lost", shard=str(self.shard), error=str(reset.exceptions[0]))
            except* Exception:  # A mistake of ours must not leave the shard without an owner.
                log.exception("shard_failed", shard=str(self.shard))
                await asyncio.sleep(again_after_s)

    async def offer(self, records: list[ConsumerRecord]) -> None:
        """Take a batch in hand. It does not suspend: whoever asks whether all is read must not miss what is underway.

        Records that were polled before the last seek are dropped; they are read again from there.
        """
        if self.owner is None or await self._consumer.position(self._partition) <= records[-1].offset:
            return
        if records[0].offset < self._next:
            self._end = _WasReset(f"offset {records[0].offset} came where {self._next} was expected")
        else:
            self._append(records)
            self._next = records[-1].offset + 1
        self._given.set()

    def _append(self, records: list[ConsumerRecord]) -> None:
        """Behind what is being decided, records gather in one batch: what a batch costs is shared by more, the more
        there is to do."""
        waiting = self._batches[-1].records if len(self._batches) > 1 else []
        if waiting and records[0].offset == self._next and len(waiting) + len(records) <= BATCH_MAX:
            waiting.extend(records)
        else:
            self._batches.append(_Batch(self._next, records))

    async def make_room(self) -> None:
        """Wait a moment while too much is in hand, then pause this partition instead of the whole topic."""
        if len(self._batches) > BATCHES_MAX and not self._is_paused:
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROOM_WITHIN_S):
                    await self._room.wait()
        if self.owner is not None and len(self._batches) > BATCHES_MAX:
            self._pause()

    @property
    def position(self) -> int | None:
        """The offset below which everything is decided and stored; None while nothing ever was, or not loaded."""
        stored = self.owner.offsets.get(SOURCE) if self.owner else None
        return int(stored) if stored is not None else None

    # -- owning -------------------------------------------------------------------------------------------------
    async def _own(self) -> None:
        parts = self._parts
        owned = await parts.store.acquire(self.shard, parts.broker.partitions)
        owner = Owner(parts.store, owned, parts.worlds, parts.metrics, SOURCE)
        found = await topic_id(self._consumer, self._partition.topic) or ""
        self._first, lost = await self._start(owner, found)
        if lost:
            await owner.skip_to(str(self._first), lost, await parts.clock.now())
        if found and owner.offsets.get(TOPIC_ID) != found:
            await owner.stand_at(str(self._first), {TOPIC_ID: found}, await parts.clock.now())
        parts.stood.add(self.shard)
        await owner.start()
        if self.is_over:
            return
        owner.moved = self._given.set
        self.owner, self._end = owner, None
        parts.load(self, owner)
        try:
            self._seek(owner)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed(owner))
                group.create_task(publish_emits(parts.store, owner, self._publish))
                log.info("shard_loaded", shard=str(self.shard), position=self._next, epoch=owner.epoch)
        finally:
            parts.unload(owner)
            self.owner = None
            self._pause()

    async def _start(self, owner: Owner, found: str) -> tuple[int, str]:
        """The offset to read from, after making sure that the store and Kafka speak of the same history; and what was
        lost, where a person has accepted that."""
        first = (await self._consumer.beginning_offsets([self._partition]))[self._partition]
        end = (await self._consumer.end_offsets([self._partition]))[self._partition]
        stored = owner.offsets.get(SOURCE)
        if stored is None:
            committed = await self._consumer.committed(self._partition)
            if not committed:
                return int(first), ""
            lost = (
                f"the store knows nothing of it, and Kafka says that {committed} records were decided: the state "
                "was wiped, or this is another store"
            )
        elif found and owner.offsets.get(TOPIC_ID, UNKNOWN) not in (found, UNKNOWN):
            lost = f"{stored} records were decided, and the topic was made anew since: it is another topic"
        elif int(stored) < first:
            lost = f"records {stored} to {first - 1} are gone from the topic and were never decided"
        elif int(stored) > end:
            lost = f"{stored} records were decided, and the topic ends at {end}: it is another topic"
        else:
            return int(stored), ""
        if not self._parts.accepts_state_loss or self.shard in self._parts.stood:
            raise OutOfStep(f"{lost}. To go on from {first}, start once with --accept-state-loss")
        log.error("state_loss_accepted", shard=str(self.shard), what=lost, position=first)
        return int(first), lost

    def _stored(self, owner: Owner) -> int:
        return int(owner.offsets.get(SOURCE, self._first))

    def seen(self, first: int, found: str) -> None:
        """Kafka says where the partition begins now, and which topic it is; where that does not fit, begin again."""
        if self.owner is None:
            return
        if found and found != self.owner.offsets.get(TOPIC_ID):
            self._end = _WasReset("it is another topic than the one we stand in")
        elif first > self._next:
            self._end = _WasReset(f"records from {self._next} on are gone, the topic begins at {first}")
        self._given.set()

    def fenced(self, owner: Owner) -> None:
        """Somebody else has taken the shard while a timer fired: the next batch would find out, this is sooner."""
        if owner is self.owner:
            self._end = Fenced("a newer owner has fired its timers")
            self._given.set()

    async def head(self, owner: Owner) -> str:
        """The position that means "all that was there now". What is no record (a transaction's mark, a hole that
        compaction left) counts as read once the consumer has passed it and nothing is in hand."""
        if time.monotonic() < self._ask_head_at:
            raise LogDown(f"Kafka did not say where {self.shard} ends")
        try:
            async with asyncio.timeout(HEAD_WITHIN_S):
                end = await self._parts.end(self._partition)
                is_read = not self._batches and await self._consumer.position(self._partition) >= end
                if is_read and self._next < end:  # passed over, or cut off?
                    first = (await self._consumer.beginning_offsets([self._partition]))[self._partition]
                    is_read = first <= self._next
        except (KafkaError, OSError, TimeoutError) as error:
            since = self._unreadable_since = self._unreadable_since or time.monotonic()
            if time.monotonic() - since < ACCUSE_HOLD_S:
                self._ask_head_at = time.monotonic() + HEAD_WITHIN_S
                raise LogDown(f"Kafka does not say where {self.shard} ends: {error!r}") from error
            return owner.position
        self._unreadable_since = 0.0
        return owner.position if is_read else str(end)

    # -- feeding ------------------------------------------------------------------------------------------------
    async def _feed(self, owner: Owner) -> None:
        """Batch after batch, each from where the last one ended; wherever the store says otherwise, from there."""
        parts = self._parts
        while True:
            if self._end is not None:
                raise self._end
            after = owner.position
            begins = self._batches[0].begins if self._batches else self._next
            if begins != self._stored(owner):
                log.warning("rolled_back", shard=str(self.shard), position=self._stored(owner), was=begins)
                self._seek(owner)
            if not self._batches:
                self._given.clear()
                await self._given.wait()
                continue
            if parts.is_full() and self.shard.topic != "inbox":
                await asyncio.sleep(FULL_AGAIN_AFTER_S)  # what was decided already still becomes messages
                continue
            batch = self._batches[0]
            try:
                if batch.records[0].offset != batch.begins:
                    await self._explain_hole(batch)
                await self._take(owner, batch, after)
            except Gap as gap:
                log.warning("gap", shard=str(self.shard), error=str(gap))
            except StoreDown as error:
                log.warning("store_down", shard=str(self.shard), error=str(error))
                await asyncio.sleep(STORE_AGAIN_AFTER_S)

    async def _take(self, owner: Owner, batch: _Batch, after: str) -> None:
        """Decide a batch that begins where the store stood at `after`; if it does not stand there any more, nothing is
        decided, and the next round reads from where it does."""
        parts, records = self._parts, batch.records
        now = await parts.clock.now()
        if owner.suspects.events:
            await self._take_alone(owner, records, after, now)
        else:
            await owner.take([self._read(now, record) for record in records], after, now)
        if owner.position != str(records[-1].offset + 1):
            return
        parts.beat()
        self._batches.popleft()
        self._room.set()
        if self._is_paused and len(self._batches) < BATCHES_MAX:
            self._is_paused = False
            self._consumer.resume(self._partition)
        lag_s = now.timestamp() - records[-1].timestamp / 1000 if self._batches else 0
        parts.metrics.lag_seconds.labels(str(self.shard)).set(max(0, lag_s))

    async def _take_alone(
        self, owner: Owner, records: list[ConsumerRecord], after: str, now: datetime
    ) -> None:
        """Several owners did not survive this batch: record by record, and no other shard's suspect beside it."""
        log.warning("going_one_by_one", shard=str(self.shard), records=len(records))
        async with self._parts.careful:
            for one in records:
                raw, following = Record(str(one.offset), one.value or b""), str(one.offset + 1)
                await owner.take_alone(raw, partial(self._read, now, one), now, after, following)
                if owner.position != following:
                    return
                after = following
        owner.suspects.events = False

    def _read(self, now: datetime, record: ConsumerRecord) -> Input:
        return read_record(record, self.shard, self._parts.broker.partitions, now, self._parts.id_of_email)

    async def _explain_hole(self, batch: _Batch) -> None:
        """Compaction and transactions leave holes; a topic that was cut behind our back has lost records."""
        first = (await self._consumer.beginning_offsets([self._partition]))[self._partition]
        if first > batch.begins:
            raise _WasReset(f"records from {batch.begins} on are gone, the topic begins at {first}")

    async def _publish(self, raws: list[bytes]) -> None:
        await self._parts.give_way()
        await publish_all(self._parts.broker, raws, self._parts.metrics)

    def _seek(self, owner: Owner) -> None:
        """Forget what is in hand and read from the stored place."""
        self._batches.clear()
        self._room.set()
        self._next = self._stored(owner)
        self._consumer.seek(self._partition, self._next)
        self._is_paused = False
        self._consumer.resume(self._partition)

    def _pause(self) -> None:
        self._is_paused = True
        with contextlib.suppress(KafkaError):  # not assigned any more
            self._consumer.pause(self._partition)
