"""One shard of the real engine on a store under test, with every time given by the test."""

from datetime import datetime

import msgspec

from service.consumers.reading import read, received
from service.core.directory import World
from service.core.effects import Emit, LogEntry, decode_emit, decode_log
from service.core.envelope import admit
from service.core.events import Data
from service.core.view import iso
from service.engine import BATCH_MAX, Input, Owner
from service.settings.policies import compile_policy
from service.store.clock import to_ms
from service.store.contract import Record, Shard, Store
from service.telemetry.metrics import Metrics
from service.worlds import Worlds

SHARD = Shard("deadlines", 0)
EVERYTHING = 10_000


class OneShard:
    def __init__(self, store: Store, world: World) -> None:
        self.store, self.metrics = store, Metrics()
        self.worlds = Worlds(world, store, compile_policy)

    async def own(self) -> Owner:
        owner = Owner(self.store, await self.store.acquire(SHARD), self.worlds, self.metrics)
        await owner.start()
        return owner

    async def append(
        self, event_id: str, type_: str, data: dict[str, object], time: datetime, now: datetime
    ) -> None:
        """Into the log as the door writes it, received `now`."""
        attributes = {
            "specversion": "1.0",
            "source": "test",
            "id": event_id,
            "type": type_,
            "time": iso(time),
        }
        _, raw = admit({**attributes, "data": data}, now)
        await self.store.append([(SHARD, raw)])

    def read(self, record: Record) -> Input:
        return read(record, received(record.position), lambda _: None)

    async def take(self, owner: Owner, now: datetime, count: int = BATCH_MAX) -> int:
        """Read on from where this owner stands, decide and commit; how many records that were."""
        found = await self.store.read({SHARD: owner.position}, count, 0)
        records = found.get(SHARD, [])
        if records:
            await owner.take([self.read(record) for record in records], owner.position, now)
        return len(records)

    async def fire(self, owner: Owner, now: datetime, limit: int = 200) -> int:
        return await owner.fire(to_ms(now), now, limit)

    # -- looking ------------------------------------------------------------------------------------------------------
    async def records(self) -> list[Record]:
        return (await self.store.read({SHARD: "0"}, EVERYTHING, 0)).get(SHARD, [])

    async def history(self) -> list[LogEntry]:
        return [decode_log(logged.value) for logged in await self.store.log(SHARD, count=EVERYTHING)]

    async def emits(self) -> list[Emit]:
        return [decode_emit(record.value) for record in await self.store.emits(SHARD, EVERYTHING)]

    async def due(self) -> dict[str, int]:
        return dict(await self.store.due(SHARD, 10**14, EVERYTHING))

    async def state(self, subject: str) -> bytes | None:
        [raw] = await self.store.load(SHARD, [subject])
        return raw


def readable(what: tuple[str, Data], subject: str) -> tuple[str, dict[str, object]]:
    """Drawn data as a sender writes it, about `subject`."""
    type_, data = what
    fields = msgspec.to_builtins(data)
    return type_, fields | {name: subject for name in ("commitment_id", "subject_id") if name in fields}
