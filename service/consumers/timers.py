"""Passing time: fires what is due, never early, and never an accusation on stale knowledge.

A timer waits until its shard's log has been read up to a position that was seen after the timer's time: the `met`
that makes it untrue may still lie in the queue. The barrier below is that position.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from service.engine import Fenced, Gap, Owner
from service.store.clock import Clock, to_ms
from service.store.contract import LogDown, Store, StoreDown
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics

log = get_log()

# How long the loop sleeps when nothing is due: an earlier timer wakes it, this is for a moved test clock.
LOOK_EVERY_S = 0.25

# A pause when one shard cannot be asked, so that asking it again and again is not all that happens.
DOWN_S = 0.05

# The others' timers wait this long for one shard's log to say where it ends; then the shard is left out of the round.
HEAD_IN_ROUND_S = 0.1

# One round of a shard: one commit, whose states may all be cold (design: "Batches").
FIRE_MAX = 200

# While timers are due, what was decided for others is published this much later at most: in a burst the promises' own
# times come first (its inboxes and mails are as much work again), and yet nobody's message waits for a storm to end.
GIVE_WAY_S = 2.0

# This machine's clock and the store's must agree this well before anything fires (design: "Timers").
SKEW_MAX_S = 2.0


@dataclass(frozen=True)
class Barrier:
    """Timers due at `seen_ms` or before may fire once the log has been read up to `position`."""

    seen_ms: int
    position: str


class Timers:
    """Fires the timers of the owned shards."""

    def __init__(
        self,
        store: Store,
        owners: list[Owner],
        clock: Clock,
        metrics: Metrics,
        beat: Callable[[], None],
        head: Callable[[Owner], Awaitable[str]] | None = None,
        lost: Callable[[Owner], None] | None = None,
        back: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`head` tells where an owner's log ends, where that is not a stream of the store; `lost` is told of a fenced
        owner, where its loss is not the loss of all; `back` is called once a store that was away answers again."""
        self._store, self._clock, self._beat = store, clock, beat
        self._metrics, self._head, self._lost = metrics, head or self._end_of_stream, lost
        self._back, self._was_away = back, False
        self._owners: list[Owner] = []
        self._barriers: dict[str, Barrier] = {}
        self._asked: dict[Owner, asyncio.Task[Barrier]] = {}  # where its log ends, asked and not yet used
        self._wake = asyncio.Event()
        self._firing = set[Owner]()
        self._idle = asyncio.Event()  # nothing is being fired
        self._idle.set()
        for owner in owners:
            self.add(owner)

    async def _end_of_stream(self, owner: Owner) -> str:
        return await self._store.head(owner.shard)

    def add(self, owner: Owner) -> None:
        owner.changed = self._wake.set
        self._owners.append(owner)
        self._wake.set()

    def remove(self, owner: Owner) -> None:
        self._owners.remove(owner)
        self._barriers.pop(str(owner.shard), None)
        if asked := self._asked.pop(owner, None):
            asked.cancel()

    def wake(self) -> None:
        """Look again now: the clock was moved."""
        self._wake.set()

    async def give_way(self) -> None:
        """Returns once nothing is being fired; after GIVE_WAY_S all the same."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_WAY_S):
                await self._idle.wait()

    async def run(self) -> None:
        """Fire for ever; raises Fenced when another process has taken the shards."""
        while True:
            try:
                self._beat()
                self._wake.clear()  # before the look, so that a wake during it is not lost
                now = await self._clock.now()
                if self._was_away and self._back is not None:
                    await self._back()
                self._was_away = False
                if await self._clocks_agree():
                    await self._fire_all(now)
                await self._sleep(now)
            except StoreDown as error:
                log.warning("store_down", error=str(error))
                self._was_away = True
                await asyncio.sleep(0.5)

    async def _fire_all(self, now: datetime) -> None:
        """Side by side: one shard is decided while the commits of others are under way. But what may end the process is
        decided with no other beside it."""
        now_ms = to_ms(now)
        due = [one for one in self._owners if one.next_due_ms is not None and one.next_due_ms <= now_ms]
        if any(owner.suspects.timers for owner in due):
            for owner in due:
                await self._unless_lost(owner, partial(self._fire, owner, now))
            return
        fires = [self._unless_lost(owner, partial(self._fire, owner, now)) for owner in due]
        fires += [
            self._unless_lost(one, partial(one.reckon, now)) for one in self._owners if one.needs_reckoning
        ]
        # All of them come to an end before the next look, whatever one of them raises.
        for result in await asyncio.gather(*fires, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _unless_lost(self, owner: Owner, work: Callable[[], Awaitable[None]]) -> None:
        """One shard's trouble is not the others'."""
        try:
            if owner in self._owners:
                await work()
        except Gap as gap:
            log.warning("rolled_back", shard=str(owner.shard), error=str(gap))
        except StoreDown as error:
            log.warning("store_down", shard=str(owner.shard), error=str(error))
            self._was_away |= not isinstance(error, LogDown)
            await asyncio.sleep(DOWN_S)
        except Fenced:
            if self._lost is None:
                raise
            self._lost(owner)

    async def _fire(self, owner: Owner, now: datetime) -> None:
        name = str(owner.shard)
        barrier = self._barriers.get(name)
        if barrier is None:
            if (barrier := await self._end_of_log(owner, now)) is None:
                return
            self._barriers[name] = barrier
        if not has_read(owner.position, barrier.position):
            # The log is behind; the consumer catches up and we look again. A place that a rollback took away never
            # comes: then the next look takes another one.
            end = await self._end_of_log(owner, now)
            if end is not None and not has_read(end.position, barrier.position):
                self._barriers.pop(name, None)
            return
        self._barriers.pop(name, None)
        self._firing.add(owner)
        self._idle.clear()
        try:
            while await owner.fire(barrier.seen_ms, now, FIRE_MAX) == FIRE_MAX:
                self._beat()
        finally:
            self._firing.remove(owner)
            if not self._firing:
                self._idle.set()

    async def _end_of_log(self, owner: Owner, now: datetime) -> Barrier | None:
        """Where the owner's log ends and when that was asked. None where it has not said so soon: it is asked beside
        the rounds until then; or where the owner was taken away meanwhile."""
        if (asked := self._asked.get(owner)) is None:
            asked = self._asked[owner] = asyncio.create_task(self._ask(owner, now))
            # Nobody may come back for what it raised: its owner was taken away.
            asked.add_done_callback(lambda one: one.cancelled() or one.exception())
        await asyncio.wait([asked], timeout=HEAD_IN_ROUND_S)
        if not asked.done() or owner not in self._owners:
            return None
        del self._asked[owner]
        return asked.result()

    async def _ask(self, owner: Owner, now: datetime) -> Barrier:
        return Barrier(to_ms(now), await self._head(owner))

    async def _clocks_agree(self) -> bool:
        skew = abs((datetime.now(UTC) - await self._store.now()).total_seconds())
        self._metrics.clock_difference_seconds.set(skew)
        if skew > SKEW_MAX_S:
            log.error("clock_differs", seconds=round(skew, 1))
            await asyncio.sleep(1)
        return skew <= SKEW_MAX_S

    async def _sleep(self, now: datetime) -> None:
        ahead = [owner.next_due_ms for owner in self._owners if owner.next_due_ms is not None]
        wait = (min(ahead) - to_ms(now)) / 1000 if ahead else LOOK_EVERY_S
        if wait <= 0 and (self._barriers or self._asked):
            wait = 0.01  # waiting for the log to be read, not for time
        if any(owner.needs_reckoning for owner in self._owners):
            wait = 0.0  # there is more of it
        with contextlib.suppress(TimeoutError):
            # Not `asyncio.wait_for`: Python 3.11's swallows a cancellation that comes as it finishes (cpython#86296).
            async with asyncio.timeout(min(max(wait, 0.001), LOOK_EVERY_S)):
                await self._wake.wait()


def has_read(offset: str, position: str) -> bool:
    """Whether a log read up to `offset` has been read up to `position`; both are stream ids, "0" before any."""
    return _parts(offset) >= _parts(position)


def _parts(position: str) -> tuple[int, int]:
    ms, _, sequence = position.partition("-")
    return int(ms), int(sequence or 0)
