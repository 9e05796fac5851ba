"""How full the store is. One look a second serves the whole process: the door asks it, the engine asks it.

At 70 % of what the server may use somebody is told; from 90 % on nothing new is taken in, so that what is promised
already still has room: timers, their messages, deliveries. A server without a limit is never full.
"""

import asyncio
from contextlib import suppress
from enum import StrEnum

from service.store.contract import Store, StoreDown
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics

log = get_log()

# Design, section 3. A store that fills by 10 MB/s, which is ten thousand events a second, still takes ten seconds from
# 90 % of one gigabyte to all of it; so a look a second is often enough.
TIGHT_FROM, FULL_FROM = 0.7, 0.9
LOOK_EVERY_S = 1.0
# A level is left this much below where it began, so that it is not said twice a second.
MARGIN = 0.02


class Level(StrEnum):
    ROOMY = "roomy"
    TIGHT = "tight"
    FULL = "full"


class Fullness:
    """What the last look saw. `watch()` looks for ever."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store, self._metrics = store, metrics
        self.level, self.ratio = Level.ROOMY, 0.0

    def is_full(self) -> bool:
        return self.level == Level.FULL

    async def watch(self) -> None:
        while True:
            with suppress(StoreDown):
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        used, limit = await self._store.memory()
        self.ratio = used / limit if limit else 0.0
        self._metrics.store_memory_ratio.set(self.ratio)
        before, self.level = self.level, level_of(self.ratio, self.level)
        if self.level == before:
            return
        percent = round(100 * self.ratio)
        if self.level == Level.FULL:
            log.error("store_full", percent=percent)
        elif self.level == Level.TIGHT:
            log.warning("store_tight", percent=percent)
        else:
            log.info("store_roomy", percent=percent)

    def sentence(self) -> str:
        """For people, "" when there is room."""
        told = f"the store's memory is {100 * self.ratio:.0f} % full"
        if self.level == Level.FULL:
            return f"{told}: no event is taken in or decided until it is below {100 * FULL_FROM:.0f} %"
        if self.level == Level.TIGHT:
            return f"{told}: at {100 * FULL_FROM:.0f} % no event is taken in"
        return ""


def level_of(ratio: float, before: Level) -> Level:
    full_from = FULL_FROM - (MARGIN if before == Level.FULL else 0)
    tight_from = TIGHT_FROM - (MARGIN if before != Level.ROOMY else 0)
    if ratio >= full_from:
        return Level.FULL
    return Level.TIGHT if ratio >= tight_from else Level.ROOMY
