"""The one clock: the store's time, plus an offset that is zero in service and moved by tests and the demo."""

from datetime import datetime, timedelta

from service.store.contract import Store


class Clock:
    """`now()` never runs backwards within a process, whatever the server's clock does."""

    def __init__(self, store: Store, offset: timedelta = timedelta()) -> None:
        self._store, self.offset = store, offset
        self._high: datetime | None = None

    async def now(self) -> datetime:
        now = await self._store.now() + self.offset
        if self._high is None or now > self._high:
            self._high = now
        return self._high

    def shown(self, at: datetime) -> datetime:
        """What this clock shows at an instant of the server's own, such as the one in a stream's position."""
        return at + self.offset


def to_ms(at: datetime) -> int:
    """Epoch milliseconds of an instant that is already cut to milliseconds."""
    return round(at.timestamp() * 1000)
