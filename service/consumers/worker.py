"""The process that owns the shards of one machine: it holds the lease, reads the logs, fires the timers, publishes.

A second process stands by and takes over within seconds. The lease only avoids quarrels; what makes two owners
harmless is the epoch in every commit.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from service.broker import Broker
from service.consumers.backlog import measure_backlog
from service.consumers.names import HeldName
from service.consumers.reading import IdOfEmail, publish_all
from service.consumers.streams import Streams
from service.consumers.timers import Timers
from service.engine import Fenced, Owner, publish_emits
from service.store.clock import Clock
from service.store.contract import Shard, Store, StoreDown
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics
from service.worlds import Worlds

log = get_log()

# A dead owner is replaced after this at the latest; renewed four times as often, so that one slow second is no loss.
LEASE_MS = 4000
RENEW_EVERY_S = 1.0
TRIM_EVERY_S = 3600.0
# As often as a monitor usually asks for metrics.
MEASURE_EVERY_S = 15.0


class LeaseLost(Exception):
    """Another process holds the lease now."""


class Worker:
    """Owns every shard of `topics` while it holds the lease; `run` until cancelled."""

    def __init__(
        self,
        name: HeldName,
        store: Store,
        broker: Broker,
        worlds: Worlds,
        clock: Clock,
        metrics: Metrics,
        id_of_email: IdOfEmail,
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._name, self._store, self._broker, self._metrics = name, store, broker, metrics
        self._worlds, self._clock, self._id_of_email = worlds, clock, id_of_email
        self._is_full = is_full
        self.is_owner = False
        self._beat_at = time.monotonic()
        self.shards = [Shard(topic, p) for topic in broker.topics for p in range(broker.partitions)]
        self.begun = (
            asyncio.Event()
        )  # what may have killed earlier owners is behind us, or is not ours to try
        self.wake: Callable[[], None] = lambda: None  # look at the timers now (a moved clock)

    @property
    def age_s(self) -> float:
        """Seconds since the engine last went round: what readiness and the watchdog look at."""
        return time.monotonic() - self._beat_at

    @property
    def reasons(self) -> list[str]:
        """What keeps it from its work, in plain sentences: nothing; a standby is ready to take over."""
        return []

    def beat(self) -> None:
        self._beat_at = time.monotonic()
        self._metrics.engine_age_seconds.set(0)

    async def run(self) -> None:
        """Stand by, own, and stand by again, for ever."""
        said = False
        try:
            await self._release(self._name.predecessor)
            while True:
                try:
                    if await self._store.lease(self._name.holder, LEASE_MS):
                        said = False
                        await self._own()
                    elif not said:
                        said = True
                        log.info("standby", worker=self._name.value)
                except* (LeaseLost, Fenced) as lost:
                    log.warning("lease_lost", worker=self._name.value, error=str(lost.exceptions[0]))
                except* StoreDown as down:
                    log.warning("store_down", error=str(down.exceptions[0]))
                self._let_go()
                self.begun.set()
                self.beat()
                await asyncio.sleep(RENEW_EVERY_S)
        finally:
            self._let_go()
            self.begun.set()
            await self._release(self._name.holder)

    def _let_go(self) -> None:
        self.is_owner = False
        self._metrics.shards_owned.set(0)
        self._metrics.lag_seconds.clear()  # what we knew of it is old from now on

    async def _own(self) -> None:
        owners: dict[Shard, Owner] = {}
        for shard in self.shards:
            owners[shard] = Owner(self._store, await self._store.acquire(shard), self._worlds, self._metrics)
            await owners[shard].start()
        log.info("lease_taken", worker=self._name.value, shards=len(owners))
        streams = Streams(
            self._store, owners, self._clock, self._metrics, self._id_of_email, self.beat, self._is_full
        )
        timers = Timers(self._store, list(owners.values()), self._clock, self._metrics, self.beat)
        self.wake = timers.wake

        async def publish(raws: list[bytes]) -> None:
            await timers.give_way()
            await publish_all(self._broker, raws, self._metrics)

        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew())
            await streams.one_by_one()
            self.begun.set()
            group.create_task(self._trim(list(owners.values())))
            group.create_task(self._measure())
            group.create_task(streams.run())
            group.create_task(timers.run())
            for owner in owners.values():
                group.create_task(publish_emits(self._store, owner, publish))
            self.is_owner = True
            self._metrics.shards_owned.set(len(owners))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                if not await self._store.lease(self._name.holder, LEASE_MS):
                    raise LeaseLost(self._name.value)
            except StoreDown as error:
                log.warning("store_down", error=str(error))

    async def _trim(self, owners: list[Owner]) -> None:
        """Nothing grows for ever: events behind the stored place and old log entries go after their time."""
        while True:
            for owner in owners:
                try:
                    await self._store.trim(owner.shard, owner.source)
                except StoreDown as error:
                    log.warning("store_down", error=str(error))
            await asyncio.sleep(TRIM_EVERY_S)

    async def _measure(self) -> None:
        """Keep the gauges of what waits to be delivered."""
        while True:
            with contextlib.suppress(StoreDown):
                await measure_backlog(self._store, self.shards, self._metrics)
            await asyncio.sleep(MEASURE_EVERY_S)

    async def _release(self, holder: str) -> None:
        with contextlib.suppress(StoreDown):  # the lease ends by itself
            await self._store.release(holder)
