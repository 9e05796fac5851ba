"""The event log of one machine: Redis streams, read by the one process that holds the lease.

The offset is the stream id, stored with the state in the same commit; there is nothing else to acknowledge.
"""

import asyncio
from collections.abc import Awaitable, Callable

from service.consumers.reading import IdOfEmail, read
from service.engine import BATCH_MAX, Gap, Owner
from service.store.clock import Clock
from service.store.contract import Shard, Store, StoreDown
from service.telemetry.logs import get_log

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
        id_of_email: IdOfEmail,
        beat: Callable[[], None],
    ) -> None:
        self._store, self._owners, self._clock = store, owners, clock
        self._id_of_email, self._beat = id_of_email, beat

    async def run(self) -> None:
        """Read for ever; raises Fenced when another process has taken the shards."""
        while True:
            self._beat()
            try:
                after = {shard: owner.position for shard, owner in self._owners.items()}
                batches = await self._store.read(after, BATCH_MAX, BLOCK_MS)
                if batches:
                    now = await self._clock.now()
                    takes: list[Awaitable[None]] = [
                        self._owners[shard].take([read(r, self._id_of_email) for r in records], now)
                        for shard, records in batches.items()
                    ]
                    await asyncio.gather(*takes)
            except Gap as gap:
                # Another commit than ours is stored (a rollback, a restore): go on from what is there.
                log.warning("rolled_back", error=str(gap))
            except StoreDown as error:
                log.warning("store_down", error=str(error))
                await asyncio.sleep(0.5)
