"""The engine on a real server, as the service wires it, without its web and its deliveries."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis.asyncio import Redis

from service.broker import Broker, Placed
from service.consumers.names import HeldName
from service.consumers.streams import Streams
from service.consumers.worker import Worker
from service.core.directory import World
from service.core.envelope import admit
from service.core.ids import partition_of, split_subject
from service.engine import Owner
from service.messages.templates import Templates
from service.settings.load import Settings, load
from service.settings.policies import compile_policy
from service.settings.service import STREAMS as PARTITIONS
from service.store.clock import Clock
from service.store.connect import connect
from service.store.contract import Commit, Shard
from service.store.redis import RedisStore
from service.store.wire import open_client
from service.telemetry.metrics import Metrics
from service.worlds import Worlds
from tests.servers import Server

# The shipped policies: two ladders with a `when` each. The bench's own: one ladder of three steps, no condition.
SHIPPED, LADDER = Path(__file__).parents[2] / "config", Path(__file__).parent / "config"
SHARDS = [Shard("deadlines", partition) for partition in range(PARTITIONS)]
# As the door takes them at most: one transaction of the log.
APPEND_MAX = 1_000


def settings_of(config: Path) -> tuple[Settings, World]:
    templates = Templates.load()
    found = load(config, os.environ | {"SINK_PORT": "25"}, templates.hashes)
    contact = found.service.fallback_contact
    world = World(found.policies, found.graph, dict(templates.hashes), frozenset(found.channels), contact)
    return found, world


class Stage:
    """Owners of the deadlines' shards, cold at first. `commits` keeps every commit and when it was stored."""

    def __init__(self, store: RedisStore, config: Path) -> None:
        self.store, self.clock, self.metrics = store, Clock(store), Metrics()
        self.settings, world = settings_of(config)
        self.worlds = Worlds(world, store, compile_policy)
        self.owners: dict[Shard, Owner] = {}
        self.commits: list[tuple[Shard, Commit, float]] = []
        self.people = [person.id for person in world.directory.people.values() if person.manager]
        self._commit = store.commit
        store.commit = self._watched  # type: ignore[method-assign]

    async def _watched(self, shard: Shard, commit: Commit) -> int:
        seq = await self._commit(shard, commit)
        self.commits.append((shard, commit, time.time()))
        return seq

    async def own(self) -> None:
        for shard in SHARDS:
            owned = await self.store.acquire(shard)
            self.owners[shard] = Owner(self.store, owned, self.worlds, self.metrics)
            await self.owners[shard].start()

    async def feed(self, events: Sequence[dict[str, object]]) -> None:
        """Into the log, checked and written as the door does it."""
        now = await self.clock.now()
        for first in range(0, len(events), APPEND_MAX):
            admitted = [admit(event, now) for event in events[first : first + APPEND_MAX]]
            await self.store.append([(_shard_of(event.subject), raw) for event, raw in admitted])

    async def drain(self) -> float:
        """Read the log to its end, decide and commit; the seconds it took."""
        heads = [(self.owners[shard], await self.store.head(shard)) for shard in SHARDS]
        email, is_read = self.settings.book.id_of_email, asyncio.Event()

        def beat() -> None:
            if all(owner.position == head for owner, head in heads):
                is_read.set()

        streams = Streams(self.store, self.owners, self.clock, self.metrics, email, beat)
        began = time.perf_counter()
        reading, done = asyncio.create_task(streams.run()), asyncio.create_task(is_read.wait())
        await asyncio.wait({reading, done}, return_when=asyncio.FIRST_COMPLETED)
        took = time.perf_counter() - began
        reading.cancel()
        done.cancel()
        with suppress(asyncio.CancelledError):
            await reading  # Raises what stopped it, if anything did.
        return took

    async def record(self, events: Sequence[dict[str, object]]) -> None:
        """Have them decided and stored by an owner that is gone afterwards."""
        await self.own()
        await self.feed(events)
        await self.drain()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker that has just taken every shard, their states cold: it reads, fires, publishes and decides."""

        async def append(placed: list[Placed]) -> None:
            await self.store.append([(Shard(one.topic, one.partition), one.value) for one in placed])

        with tempfile.TemporaryDirectory(prefix="ft-") as folder:
            name = HeldName(Path(folder), "bench")
            given = (self.store, Broker(append), self.worlds, self.clock, self.metrics, lambda _: None)
            worker = Worker(name, *given)
            task = asyncio.create_task(worker.run())
            try:
                await wait_for(lambda: worker.is_owner, task)
                yield
            finally:
                task.cancel()
                await asyncio.wait({task})
                name.release()

    def event(self, kind: str, number: str, **data: object) -> dict[str, object]:
        """One CloudEvent of about 350 bytes about commitment `number`."""
        return {
            "specversion": "1.0",
            "id": f"{kind}-{number}-{json.dumps(data)[-20:]}",
            "source": "crm/pipedrive",
            "type": kind,
            "time": datetime.now(UTC).isoformat(),
            "data": {"commitment_id": number} | data,
        }

    def made(
        self, numbers: Sequence[str], due_at: datetime, within: timedelta
    ) -> Iterator[dict[str, object]]:
        """`deadline.set` for each, their dates evenly spread over `within`."""
        for place, number in enumerate(numbers):
            at = due_at + within * place / len(numbers)
            owner = self.people[place % len(self.people)]
            title = f"Send the proposal to Northwind ({number})"
            yield self.event("deadline.set", number, title=title, owner=owner, due_at=at.isoformat())


async def wait_for(is_so: Callable[[], bool], task: "asyncio.Task[None]") -> None:
    """Look again and again while `task` goes on: nothing tells a bench when."""
    while not is_so():
        assert not task.done(), task
        await asyncio.sleep(0.02)


def _shard_of(subject: str) -> Shard:
    return SHARDS[partition_of(split_subject(subject)[1], PARTITIONS)]


@asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[Redis]:
    """A client for a bare loop or a look at the server."""
    client = open_client(server.url)
    try:
        yield client
    finally:
        await client.aclose()
        await client.connection_pool.aclose()


@asynccontextmanager
async def stage(server: Server, config: Path) -> AsyncIterator[Stage]:
    store = await connect(server.url)
    try:
        yield Stage(store, config)
    finally:
        await store.close()
