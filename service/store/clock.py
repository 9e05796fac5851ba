"""The one clock: the store's time, plus an offset that is zero in service and moved by tests and the demo."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from service.store.contract import Store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The store's answers are cut to milliseconds.
_CUT_S = 0.001


class Clock:
    """`now()` never runs backwards within a process, whatever the server's clock does, and never ahead of it.

    The store is asked every `ask_every_s`; in between, the process's own `timer` tells what has passed. Two or
    three questions of a message's way were for the time (measured 2026-11).
    """

    def __init__(
        self,
        store: Store,
        offset: timedelta = timedelta(),
        ask_every_s: float = 0.0,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self.offset, self._every_s, self._timer = store, offset, ask_every_s, timer
        self._asked_at = float("-inf")  # by the timer
        self._ahead_s = float("-inf")  # the store's epoch seconds less the timer's
        self._high: datetime | None = None

    async def now(self) -> datetime:
        if self._timer() - self._asked_at >= self._every_s:
            now = await self._ask()
        else:
            now = _EPOCH + timedelta(milliseconds=int((self._ahead_s + self._timer()) * 1000))
        now += self.offset
        if self._high is None or now > self._high:
            self._high = now
        return self._high

    async def _ask(self) -> datetime:
        """The store looked at its clock at some moment between our question and its answer. What we go by afterwards is
        the latest time that is certain: by the quickest answer so far, unless this one proves it wrong."""
        asked_at = self._timer()
        now = await self._store.now()
        self._asked_at = self._timer()
        certain_s, possible_s = now.timestamp() - self._asked_at, now.timestamp() + _CUT_S - asked_at
        if not certain_s <= self._ahead_s <= possible_s:
            self._ahead_s = certain_s
        return now

    def shown(self, at: datetime) -> datetime:
        """What this clock shows at an instant of the server's own, such as the one in a stream's position."""
        return at + self.offset


def to_ms(at: datetime) -> int:
    """Epoch milliseconds of an instant that is already cut to milliseconds."""
    return round(at.timestamp() * 1000)
