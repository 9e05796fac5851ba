"""What kills its process is found by going one by one: the record or the timer that was decided alone when it died.

Counting owners alone accuses nobody, because a machine may be killed from outside, and idle services are restarted: it
only makes the next owner careful. What is begun alone is noted in the store first; only what several owners in a row
began alone and did not survive is guilty. What is done with it is the engine's business.
"""

from contextlib import suppress

from service.store.contract import Fenced, Owned, Store, StoreDown

# With this owner and no progress since, the next batch goes one by one (design: three epochs on one stored offset).
OWNERS_MAX = 3
# One death alone may be a kill from outside that fell into the millisecond of a decision; on the same record again,
# it is not (the chance is that of the first, squared).
DEATHS_ALONE_MAX = 2


class Suspects:
    """One owner's. `events` and `timers` say whether the first batch of each must go one by one."""

    def __init__(self, store: Store, owned: Owned) -> None:
        self._store, self._shard, self._epoch = store, owned.shard, owned.epoch
        self._found, self._deaths = owned.alone  # what earlier owners died of, when it was decided alone
        self._begun = ""
        kind = self._found.partition(" ")[0]
        self.events = owned.owners >= OWNERS_MAX or kind == "event"
        self.timers = owned.timer_owners >= OWNERS_MAX or kind == "timer"

    async def begin(self, what: str) -> bool:
        """Note that `what` ("event …" or "timer …") is decided alone from now until the next commit. False: it is
        guilty and must not be decided."""
        self._begun, deaths = what, self._deaths_of(what)
        if deaths >= DEATHS_ALONE_MAX:
            return False
        await self._store.alone(self._shard, self._epoch, what, deaths + 1)
        return True

    async def spare(self) -> None:
        """What was begun ended without a death: by a stop, a lost store, a lost shard. The note is taken back."""
        with suppress(StoreDown, Fenced):
            await self._store.alone(self._shard, self._epoch, self._begun, self._deaths_of(self._begun))

    def _deaths_of(self, what: str) -> int:
        return self._deaths if what == self._found else 0
