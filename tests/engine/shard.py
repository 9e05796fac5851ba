"""One shard with its real owner on a store in memory, fed through the log as in service."""

from datetime import UTC, datetime, timedelta
from typing import Any

from service.consumers.reading import read
from service.core.directory import Directory, Person, World
from service.core.effects import Emit, LogEntry, decode_log
from service.core.envelope import admit, encode_internal
from service.core.model import Commitment, decode_state
from service.core.policy import PolicyBook
from service.engine import Owner
from service.settings.policies import compile_policy
from service.store.contract import Record, Shard, Store
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics
from service.worlds import Worlds

SHARD = Shard("deadlines", 0)
WORLD = World(
    PolicyBook((), {}), Directory({"ana": Person("ana")}, {}, {}), {}, frozenset({"email"}), "person:ana"
)


class OneShard:
    """`tell` puts events into the log, `batch` is what a reader finds there, `owner` decides."""

    def __init__(self) -> None:
        # The real time: a worker compares its own clock with the store's before a timer fires.
        self.at = datetime.now(UTC).replace(microsecond=0)
        self.store: Any = MemoryStore(self._now)
        self.metrics = Metrics()
        self.owner: Owner

    def _now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    async def own(self, store: Store | None = None) -> Owner:
        chosen = store or self.store
        owned = await self.store.acquire(SHARD)
        self.owner = Owner(chosen, owned, Worlds(WORLD, chosen, compile_policy), self.metrics)
        await self.owner.start()
        return self.owner

    async def tell(self, *kinds: str, commitment: str = "c1", **data: Any) -> None:
        for kind in kinds:
            fields = {"commitment_id": commitment, **data}
            number = self.at.timestamp()
            attributes = {"specversion": "1.0", "id": f"{kind} {number}", "source": "test", "type": kind}
            _, raw = admit({**attributes, "data": fields}, self._now())
            await self.store.append([(SHARD, raw)])

    async def make(self, commitment: str = "c1") -> None:
        due_at = (self.at + timedelta(days=9)).isoformat()
        await self.tell("deadline.set", commitment=commitment, title="Offer", owner="ana", due_at=due_at)

    async def emit(self, emit: Emit) -> None:
        await self.store.append([(SHARD, encode_internal(emit))])

    async def unread(self) -> list[Record]:
        found: list[Record] = (await self.store.read({SHARD: self.owner.position}, 500, 0)).get(SHARD, [])
        return found

    async def take(self, records: list[Record], after: str | None = None) -> None:
        place = self.owner.position if after is None else after
        await self.owner.take(
            [read(record, self.at, lambda _: None) for record in records], place, self._now()
        )

    async def catch_up(self) -> None:
        while records := await self.unread():
            await self.take(records)

    async def log(self) -> list[LogEntry]:
        return [decode_log(entry.value) for entry in await self.store.log(SHARD)]

    async def state(self, commitment: str = "c1") -> Commitment | None:
        [raw] = await self.store.load(SHARD, [f"deadline/{commitment}"])
        state = decode_state(raw) if raw else None
        assert state is None or isinstance(state, Commitment)
        return state
