"""Takes what the outbox owes and delivers it: claim → attempt → settle. To the outside: at least once, with one key.

One worker serves every channel; `lanes.py` keeps them apart, `attempt.py` is the order of work, `outcome.py` says what
each attempt amounts to. It never changes a subject.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from service.channels.contract import Channel, ChannelError
from service.core.effects import Owed, decode_owed
from service.core.message import Message, Reader
from service.delivery import outcome
from service.delivery.attempt import PATIENCE_S, Attempts, Texts
from service.delivery.breaker import Breakers, LocalBreakers
from service.delivery.lanes import BLINK_S, Held, Lane, Timer
from service.delivery.limits import Limits
from service.delivery.notes import Notes
from service.delivery.outcome import Outcome
from service.delivery.report import Report
from service.store.clock import Clock, to_ms
from service.store.contract import Entry, Shard, Store, StoreDown
from service.telemetry.faultpoint import fault_point
from service.telemetry.metrics import Metrics

# One round trip brings enough for every lane's hands; what waits in the store costs no memory here.
CLAIM_MAX = 100
# How long a claim may wait for something new; also how late a retry may be looked for.
CLAIM_BLOCK_MS = 1_000
# A stop waits this long for what is in flight: a container that is told to stop has ten seconds by default.
STOP_WITHIN_S = 10
# An unexpected error of settle itself is ours: after this many tries the entry is left for a later worker.
SETTLE_TRIES_MAX = 5


class DeliveryWorker:
    """`run()` until `stop()`. `name` is stable: the next worker of this name takes over what this one held.

    `channels[name]` is the channel of that name, configured or caught; `shard_of` tells where a subject lives.
    """

    def __init__(
        self,
        store: Store,
        shards: Sequence[Shard],
        name: str,
        channels: Mapping[str, Channel],
        *,
        clock: Clock,
        read: Callable[[str], Reader],
        render: Callable[[Owed, Reader], Awaitable[Message]],
        shard_of: Callable[[str], Shard],
        metrics: Metrics,
        limits: Limits | None = None,
        breakers: Breakers | None = None,
        timer: Timer = time.monotonic,
    ) -> None:
        self._store, self._shards, self._name, self._channels = store, list(shards), name, channels
        self._clock, self._timer, self._notes = clock, timer, Notes(store, timer)
        self._report = Report(metrics, self._notes)
        self._attempt = Attempts(
            store,
            shard_of,
            channels,
            Texts(read, render),
            limits or Limits.of(channels),
            breakers or LocalBreakers(self._report.breaker),
            self._report,
            timer,
        )
        self._lanes: dict[str, Lane] = {}
        self._in_hand: set[tuple[Shard, str]] = set()
        self._is_stopping = False

    async def run(self) -> None:
        """Claim and hand to the lanes until `stop()`; then finish what is in flight."""
        failures = 0
        try:
            while not self._is_stopping:
                try:
                    await self._claim_once()
                    await self._notes.write()
                    failures = 0
                except Exception as error:  # noqa: BLE001 - Whatever it was, deliveries must go on.
                    self._report.failure("claim", error)
                    await _pause(failures)
                    failures += 1
        finally:
            self.stop()
            await asyncio.gather(*[lane.finish(STOP_WITHIN_S) for lane in self._lanes.values()])
            with suppress(StoreDown):
                await self._notes.write(now=True)

    def stop(self) -> None:
        """Ask `run()` to end: nothing new is begun, and it returns within a claim's wait plus ten seconds."""
        self._is_stopping = True
        for lane in self._lanes.values():
            lane.close()

    async def _claim_once(self) -> None:
        # The timer first: what the answer took on its way counts, or a delivery would be on record before the decision
        # that asked for it.
        asked, asked_at, offset = self._timer(), await self._clock.now(), self._clock.offset
        entries = await self._store.claim(
            self._shards, self._name, CLAIM_MAX, CLAIM_BLOCK_MS, to_ms(asked_at)
        )
        since = self._timer()
        # The offset is another one when the clock was moved while we waited; in service it is always 0.
        at = asked_at + timedelta(seconds=since - asked) + (self._clock.offset - offset)
        for entry in entries:
            if (entry.shard, entry.id) not in self._in_hand and not self._is_stopping:
                self._in_hand.add((entry.shard, entry.id))
                await self._hand_over(entry, at, since)

    async def _hand_over(self, entry: Entry, at: datetime, since: float) -> None:
        """To its channel's lane; or, when that is full and slow, back into the store until its turn comes."""
        try:
            held = Held(entry, decode_owed(entry.value), at, since)
        except msgspec.MsgspecError as error:
            await self._settle(entry, None, outcome.unreadable(entry.key, entry.value, str(error), at))
            return
        lane = self._lane(held.owed.channel)
        while not self._is_stopping and not lane.offer(held):
            if lane.drain_s > BLINK_S:
                why = f"{lane.name} is slow, and {lane.waiting} are ahead"
                await self._settle(entry, held.owed, outcome.waiting(held.owed, lane.slot_s(), why, at))
                return
            await lane.room(BLINK_S)

    def _lane(self, channel: str) -> Lane:
        if channel not in self._lanes:
            hands = self._channels[channel].concurrency
            self._lanes[channel] = Lane(channel, hands, self._deliver, self._timer)
        return self._lanes[channel]

    async def _deliver(self, held: Held, lane: Lane) -> None:
        """One attempt and its outcome. Whatever goes wrong is this delivery's trouble only."""
        owed = held.owed
        try:
            result = await self._attempt(held, lane)
        except StoreDown as error:
            # Nothing left; the entry stays in the outbox, and the store gives it out again.
            self._report.failure("attempt", error, owed.key)
            self._in_hand.discard((held.entry.shard, held.entry.id))
            return
        except Exception as error:  # noqa: BLE001 - A crash is a failed attempt; the worker goes on.
            self._report.failure("attempt", error, owed.key)
            crash = ChannelError(f"it failed unexpectedly ({type(error).__name__})")
            result = outcome.failed(owed, crash, self._attempt.now(held))
        await self._settle(held.entry, owed, result)
        fault_point("after_settle")

    async def _settle(self, entry: Entry, owed: Owed | None, result: Outcome) -> None:
        """Record the outcome, however long the store is down: a message that left must not leave again."""
        name, failures, mistakes = "unsettled", 0, 0
        while name == "unsettled" and mistakes < SETTLE_TRIES_MAX:
            try:
                name = result.name if await self._store.settle(entry, result.settled) else "taken"
            except Exception as error:  # noqa: BLE001 - Forgetting what was sent is the worse end.
                self._report.failure("settle", error, entry.key)
                mistakes += not isinstance(error, StoreDown)
                await _pause(failures)
                failures += 1
        self._in_hand.discard((entry.shard, entry.id))
        self._report.settled(entry.key, owed, name, result)


async def _pause(failures: int) -> None:
    await asyncio.sleep(PATIENCE_S[min(failures, len(PATIENCE_S) - 1)])
