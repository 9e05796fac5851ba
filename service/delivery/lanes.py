"""A bulkhead per channel: each has its own waiting room and its own few hands, so a slow one slows nobody else.

How the worker keeps reading while one channel is slow. A lane takes in only what it will send within HOLD_S at its
present pace; so nothing waits here until the store takes it for abandoned (120 s) and hands it to another worker.
What does not fit steps aside into the store's retry set, to the moment its turn should come (`slot_s`). Only a lane
so quick that its room empties in a blink makes the reader wait, because stepping aside would cost more.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from service.core.effects import Owed
from service.store.contract import Entry

# Waiting here plus the total send deadline (30 s) stays well under the 120 s after which the store gives an entry
# to another worker.
HOLD_S = 60
# Bounds memory: 500 entries of some 2 kB.
WAITING_MAX = 500
# A full room that empties within this is worth waiting for: less than a person or a metric notices.
BLINK_S = 0.25
# For each send at once: while one message is under way, the next is looked up and rendered, or the last recorded.
HANDS_A_SEND = 2
# Weight of the newest send in the pace: some ten sends to believe in a change.
PACE_WEIGHT = 0.1

Timer = Callable[[], float]


class Held(NamedTuple):
    """An outbox entry in this worker's hands, since `at` by the store's clock and `since` by the process's timer."""

    entry: Entry
    owed: Owed
    at: datetime
    since: float


class Lane:
    """The waiting room and the hands of one channel."""

    def __init__(
        self,
        name: str,
        sends: int,
        work: Callable[[Held, "Lane"], Awaitable[None]],
        timer: Timer = time.monotonic,
    ) -> None:
        self.name, self._sends, self._work, self._timer = name, sends, work, timer
        self.turn = asyncio.Semaphore(
            sends
        )  # to be held while sending: never more at once than the channel is good for
        self._queue: asyncio.Queue[Held | None] = asyncio.Queue()
        self._pace_s = 0.0
        self._begun: dict[object, float] = {}  # a send under way -> when it began
        self._last_slot = 0.0
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._tasks = [asyncio.create_task(self._serve()) for _ in range(HANDS_A_SEND * sends)]

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    @property
    def pace_s(self) -> float:
        """Seconds a send takes of late; a send that hangs counts while it hangs."""
        now = self._timer()
        return max([self._pace_s, *(now - begun for begun in self._begun.values())])

    @property
    def drain_s(self) -> float:
        """How long the last one in the room will wait, at the present pace."""
        return self.waiting * self.pace_s / self._sends

    def offer(self, held: Held) -> bool:
        """Take it in, if there is room for it."""
        pace_s = self.pace_s
        by_pace = int(HOLD_S * self._sends / pace_s) if pace_s else WAITING_MAX
        if self.waiting >= min(WAITING_MAX, max(by_pace, 2 * self._sends)):
            self._has_room.clear()
            return False
        self._queue.put_nowait(held)
        return True

    async def room(self, within_s: float) -> None:
        """Returns when somebody has left the full room, or after `within_s`."""
        with contextlib.suppress(TimeoutError):
            # Not `asyncio.wait_for`: Python 3.11's swallows a cancellation that comes as it finishes (cpython#86296).
            async with asyncio.timeout(within_s):
                await self._has_room.wait()

    def slot_s(self) -> float:
        """In how many seconds the next one that steps aside should come back; each call is another one's turn. At most
        HOLD_S: a send that hung for half a minute says little of how quick the channel is after that, and hundreds of
        turns at such a pace would be hours."""
        now = self._timer()
        turn = max(now + self.drain_s, self._last_slot) + self.pace_s / self._sends
        self._last_slot = min(turn, now + HOLD_S)
        return self._last_slot - now

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Around the channel's own work: that alone is its pace. A store that is away makes no channel slow."""
        send = object()
        begun = self._begun[send] = self._timer()
        try:
            yield
        finally:
            took = self._timer() - begun
            del self._begun[send]
            self._pace_s = took if not self._pace_s else self._pace_s + PACE_WEIGHT * (took - self._pace_s)

    def close(self) -> None:
        """Begin nothing new. What was waiting stays in the store."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for _ in self._tasks:
            self._queue.put_nowait(None)

    async def finish(self, within_s: float) -> None:
        """After `close`: wait for what is in flight, then abandon it; it stays in the store too."""
        _, late = await asyncio.wait(self._tasks, timeout=within_s)
        for task in late:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _serve(self) -> None:
        while (held := await self._queue.get()) is not None:
            self._has_room.set()
            await self._work(held, self)
