"""The event log of one machine: Redis streams, read by the one process that holds the lease.

The offset is the stream id, stored with the state in the same commit; there is nothing else to acknowledge.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from service.consumers.reading import IdOfEmail, read, received
from service.engine import BATCH_MAX, Gap, Owner
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
    ) -> None:
        self._store, self._owners, self._clock = store, owners, clock
        self._metrics, self._id_of_email, self._beat = metrics, id_of_email, beat
        self._was_away = False  # the store; it may have come back without its last second

    async def run(self) -> None:
        """Read for ever; raises Fenced when another process has taken the shards."""
        while True:
            self._beat()
            try:
                if self._was_away:
                    await self._check()
                after = {shard: owner.position for shard, owner in self._owners.items()}
                batches = await self._store.read(after, BATCH_MAX, BLOCK_MS)
                now = await self._clock.now()
                for shard in self._owners.keys() - batches.keys():
                    self._metrics.lag_seconds.labels(str(shard)).set(0)
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

    async def _take(self, shard: Shard, records: list[Record], after: str, now: datetime) -> None:
        times = [self._clock.shown(received(record.position)) for record in records]
        inputs = [read(record, at, self._id_of_email) for record, at in zip(records, times, strict=True)]
        await self._owners[shard].take(inputs, after, now)
        self._metrics.lag_seconds.labels(str(shard)).set((now - times[-1]).total_seconds())
