"""The pages over a store in memory and the real engine, in one process, on a port of this machine.

The engine runs when an event is appended, unless `is_held`; time stands still but for a tick a look.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from fastapi import FastAPI

from service.broker import Broker, Placed, Publication
from service.consumers.reading import read
from service.core.directory import World
from service.core.effects import LogEntry, Owed, decode_log
from service.core.envelope import admit
from service.core.events import TOPIC_OF_FAMILY
from service.core.model import Commitment, decode_state
from service.core.planning import first_cycle
from service.engine import Owner
from service.messages.links import Links
from service.settings.load import load
from service.settings.model import Settings
from service.settings.policies import compile_policy
from service.store.clock import Clock, to_ms
from service.store.contract import Shard, StoreDown
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics
from service.web.app import make_app
from service.web.deps import WebDeps
from service.web.server import WebServer
from service.worlds import Worlds

CONFIG = Path(__file__).parents[2] / "config"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TOPICS = ("deadlines", "deals", "checkins")  # of what people answer


def nth_cycle(number: int) -> int:
    """The cycle of a moment first heard of at the start."""
    return first_cycle(START) + number - 1


KEY = "a-signing-key-of-the-tests-0123456789abcdef"


@cache
def _settings() -> Settings:
    return load(CONFIG, {})


class PagesWorld:
    def __init__(self) -> None:
        self.at, self.is_held = START, False
        self.settings = _settings()
        self.store = FailingStore(self.now)
        self.broker = Broker(self._append)
        self.links = Links([KEY], "http://127.0.0.1")
        self.metrics = Metrics()
        self.owners: dict[Shard, Owner] = {}
        book = World(self.settings.policies, self.settings.graph, {}, frozenset(self.settings.channels))
        self._worlds = Worlds(book, self.store, compile_policy)
        self.deps = WebDeps(
            settings=lambda: self.settings,
            store=self.store,
            broker=self.broker,
            clock=Clock(self.store),
            links=lambda: self.links,
            readiness=lambda: {"reasons": []},
            metrics=self.metrics,
        )

    def app(self) -> FastAPI:
        return make_app(self.deps)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    # -- the engine -------------------------------------------------------------------------------------------------
    async def _append(self, placed: list[Placed]) -> None:
        await self.store.append([(Shard(one.topic, one.partition), one.value) for one in placed])
        if not self.is_held:
            await self.catch_up()

    async def catch_up(self) -> None:
        for shard in (Shard(topic, p) for topic in TOPICS for p in range(self.broker.partitions)):
            if shard not in self.owners:
                self.owners[shard] = Owner(
                    self.store, await self.store.acquire(shard), self._worlds, self.metrics
                )
            owner = self.owners[shard]
            found = await self.store.read({shard: owner.position}, 500, 0)
            if records := found.get(shard):
                await owner.take(
                    [read(record, self.now(), lambda _: None) for record in records],
                    owner.position,
                    self.now(),
                )

    async def pass_time(self, span: timedelta) -> None:
        """Move on, then fire what has become due."""
        self.at += span
        for owner in self.owners.values():
            await owner.fire(to_ms(self.at), self.at, 200)

    # -- telling it things --------------------------------------------------------------------------------------------
    async def publish(self, type_: str, **data: Any) -> None:
        attributes = {
            "specversion": "1.0",
            "id": f"{type_}-{self.at.timestamp()}",
            "source": "test",
            "type": type_,
            "data": data,
        }
        event, raw = admit(attributes, self.now())
        await self.broker.publish([Publication(event.topic, event.subject, raw)])

    async def promise(self, title: str = "Send the proposal to Northwind", **more: Any) -> None:
        due_at = (self.at + timedelta(days=1)).isoformat()
        fields = {"commitment_id": "c1", "title": title, "owner": "ana", "due_at": due_at, **more}
        await self.publish("deadline.set", **fields)

    def token(
        self, person: str = "ana", *actions: str, as_of: int = 1, decided_at: datetime | None = None
    ) -> str:
        offered = actions or ("done", "acknowledge", "new_date", "snooze", "help")
        return self.links.token(owed(person, nth_cycle(as_of), decided_at or self.at), offered)

    # -- looking ------------------------------------------------------------------------------------------------------
    async def state(self, subject: str = "deadline/c1") -> Commitment:
        shard = Shard(TOPIC_OF_FAMILY[subject.partition("/")[0]], self.broker.partition(subject))
        [raw] = await self.store.load(shard, [subject])
        assert raw is not None
        state = decode_state(raw)
        assert isinstance(state, Commitment)
        return state

    async def history(self, subject: str = "deadline/c1") -> list[LogEntry]:
        shard = Shard("deadlines", self.broker.partition(subject))
        return [decode_log(logged.value) for logged in await self.store.log(shard)]

    async def appended(self) -> int:
        """How many events the logs hold: what a request that changes nothing leaves alone."""
        shards = {Shard(t, p): "0" for t in self.broker.topics for p in range(self.broker.partitions)}
        return sum(len(records) for records in (await self.store.read(shards, 10_000, 0)).values())

    async def catch(self, **fields: Any) -> str:
        return await self.store.catch(msgspec.json.encode({**CAUGHT, "at": self.now(), **fields}))


class FailingStore(MemoryStore):
    """A store that can be away."""

    is_down = False

    async def load(self, shard: Shard, subjects: list[str]) -> list[bytes | None]:
        if self.is_down:
            raise StoreDown("away")
        return await super().load(shard, subjects)

    async def caught(self, *given: Any, **more: Any) -> Any:
        if self.is_down:
            raise StoreDown("away")
        return await super().caught(*given, **more)


CAUGHT = {
    "to": "ana",
    "channel": "email",
    "template": "reminder",
    "policy": "deadline-follow-through",
    "step": "heads-up",
    "subject": "deadline/c1",
    "reason": "step heads-up of Deadlines: 3 days before",
    "key": "0123456789abcdef0123456789abcdef",
    "title": "Send the proposal to Northwind is due tomorrow",
    "text": "Hello Ana,\n\nit is due tomorrow.\n",
    "html": "<!doctype html><html><head><style>p{color:#222}</style></head><body><p>Hello Ana</p></body></html>",
    "links": [],
    "reasons": ["step heads-up of Deadlines: 3 days before"],
}


def owed(person: str, as_of: int, decided_at: datetime) -> Owed:
    return Owed(
        key="k1",
        to=person,
        channel="email",
        address="",
        fallbacks=(),
        subject="deadline/c1",
        policy="deadline-follow-through",
        policy_hash="h",
        step="heads-up",
        cycle=as_of,
        round=0,
        cause="",
        kind="notice",
        template="reminder",
        template_hash="h",
        urgency="normal",
        until="done",
        decided_at=decided_at,
        reasons=("step heads-up",),
        facts={"changed": as_of},
    )


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The app on a free port of this machine, as `http://127.0.0.1:port`."""
    server = WebServer(app, "127.0.0.1", 0)
    started = asyncio.Event()
    server.on_ready = started.set
    running = asyncio.create_task(server.run())
    await started.wait()
    try:
        yield server.url
    finally:
        server.stop()
        await running


async def get(web: aiohttp.ClientSession, path: str, **more: str) -> tuple[int, str]:
    async with web.get(path, **more) as response:
        return response.status, await response.text()


async def post(web: aiohttp.ClientSession, token: str, **form: str) -> tuple[int, str]:
    """A click on a button of the answer page."""
    async with web.post(f"/a/{token}", data=form) as response:
        return response.status, await response.text()
