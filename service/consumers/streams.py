"""The event log of one machine: Redis streams, read by the one process that holds the lease.

The offset is the stream id, stored with the state in the same commit; there is nothing else to acknowledge.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from service.consumers.reading import IdOfEmail, read, received
from service.engine import BATCH_MAX, Gap, Input, Owner
from service.store.clock import Clock
from service.store.contract import Record, Shard, Store, StoreDown
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics

log = get_log()

# A blocking read returns this often even when nothing comes, so that stopping never takes longer.
BLOCK_MS = 500


class Streams:
    """Reads the logs of the owned shards and hands the records to their owners, batch by batch."""

    def __init__(
        self,
        store: Store,
        owners: dict[Shard, Owner],
        clock: Clock,
        metrics: Metrics,
        id_of_email: IdOfEmail,
        beat: Callable[[], None],
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._owners, self._clock = store, owners, clock
        self._metrics, self._id_of_email, self._beat = metrics, id_of_email, beat
        self._was_away = False  # the store; it may have come back without its last second
        self._is_full = is_full

    async def one_by_one(self) -> None:
        """Decide alone the records of batches that several owners did not survive. It comes first, while nothing else
        of the engine runs: what ends the process now is the record being decided."""
        for shard, owner in self._owners.items():
            while owner.suspects.events:
                self._beat()
                try:
                    await self._take_alone(shard, owner)
                    owner.suspects.events = False
                except Gap as gap:
                    log.warning("rolled_back", error=str(gap))
                except StoreDown as error:
                    log.warning("store_down", error=str(error))
                    await asyncio.sleep(0.5)

    async def _take_alone(self, shard: Shard, owner: Owner) -> None:
        found = await self._store.read({shard: owner.position}, BATCH_MAX, 0)
        records = found.get(shard, [])
        if records:
            log.warning("going_one_by_one", shard=str(shard), records=len(records))
        now = await self._clock.now()
        for record in records:
            self._beat()
            await owner.take_alone(record, partial(self._read, record), now, owner.position)

    async def run(self) -> None:
        """Read for ever; raises Fenced when another process has taken the shards."""
        while True:
            self._beat()
            try:
                if self._was_away:
                    await self._check()
                after = self._positions()
                batches = await self._store.read(after, BATCH_MAX, BLOCK_MS)
                now = await self._clock.now()
                for shard in after.keys() - batches.keys():
                    self._metrics.lag_seconds.labels(str(shard)).set(0)
                if self._is_full():
                    await self._measure_waiting(now)
                takes = [self._take(shard, records, after[shard], now) for shard, records in batches.items()]
                # All of them come to an end before anything is read again, whatever one of them raises.
                for result in await asyncio.gather(*takes, return_exceptions=True):
                    if isinstance(result, BaseException):
                        raise result
            except Gap as gap:
                # Another commit than ours is stored (a rollback, a restore): go on from what is there.
                log.warning("rolled_back", error=str(gap))
                self._was_away = True  # what happened to one shard may have happened to all
            except StoreDown as error:
                log.warning("store_down", error=str(error))
                self._was_away = True
                await asyncio.sleep(0.5)

    async def _check(self) -> None:
        """Ask for every shard whether it was rolled back; those that were are read again from their stored place."""
        now = await self._clock.now()
        for owner in self._owners.values():
            try:
                await owner.check(now)
            except Gap as gap:
                log.warning("rolled_back", error=str(gap))
        self._was_away = False

    def _positions(self) -> dict[Shard, str]:
        """Where reading goes on. A full store takes no more events; what was decided already still becomes messages."""
        found = {shard: owner.position for shard, owner in self._owners.items()}
        return (
            {shard: at for shard, at in found.items() if shard.topic == "inbox"} if self._is_full() else found
        )

    async def _measure_waiting(self, now: datetime) -> None:
        """Shards that are not read now: their oldest event that waits."""
        waiting = {s: owner.position for s, owner in self._owners.items() if s.topic != "inbox"}
        oldest = await self._store.read(waiting, 1, 0)
        for shard in waiting:
            lag_s = self._lag_s(oldest[shard][0], now) if shard in oldest else 0
            self._metrics.lag_seconds.labels(str(shard)).set(lag_s)

    async def _take(self, shard: Shard, records: list[Record], after: str, now: datetime) -> None:
        await self._owners[shard].take([self._read(record) for record in records], after, now)
        self._metrics.lag_seconds.labels(str(shard)).set(self._lag_s(records[-1], now))

    def _read(self, record: Record) -> Input:
        return read(record, self._clock.shown(received(record.position)), self._id_of_email)

    def _lag_s(self, record: Record, now: datetime) -> float:
        return (now - self._clock.shown(received(record.position))).total_seconds()
