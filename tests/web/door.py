"""The web on a port of this machine, over a store in memory, with what it publishes in a list."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp

from service.broker import Broker, Placed
from service.core.directory import Directory, Person
from service.core.envelope import decode
from service.core.events import Event
from service.messages.links import Links
from service.settings.address_book import AddressBook
from service.settings.integrations import Integration
from service.settings.service import ServiceSettings
from service.store.clock import Clock
from service.store.contract import Shard, StoreDown
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics
from service.web.app import make_app
from service.web.deps import WebDeps
from service.web.server import WebServer

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BOOK = AddressBook(ids={"ana@example.com": "ana"})
GRAPH = Directory({"ana": Person("ana"), "leo": Person("leo")}, {}, {})
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


class Door:
    """One installation's door. `is_down` takes the store away, `hold` keeps it from answering."""

    def __init__(self, **settings: Any) -> None:
        self.service = ServiceSettings(**settings)
        self.integrations: dict[str, Integration] = {}
        self.published: list[Placed] = []
        self.is_down, self.hold = False, asyncio.Event()
        self.hold.set()
        self.ready: dict[str, object] = {"reasons": [], "role": "owner"}
        self.store, self.metrics = AwayStore(self), Metrics()
        self.deps = WebDeps(
            settings=lambda: SimpleNamespace(  # type: ignore[arg-type,return-value]
                service=self.service, book=BOOK, graph=GRAPH, integrations=self.integrations
            ),
            store=self.store,
            broker=Broker(self._append),
            clock=Clock(self.store),
            links=lambda: Links(["a-signing-key-of-the-tests-0123456789abcdef"], "http://127.0.0.1"),
            readiness=lambda: self.ready,
            metrics=self.metrics,
        )
        self.server = WebServer(make_app(self.deps), "127.0.0.1", 0)
        self.client: aiohttp.ClientSession

    async def _append(self, placed: list[Placed]) -> None:
        await self.hold.wait()
        if self.is_down:
            raise StoreDown("away")
        await self.store.append([(Shard(one.topic, one.partition), one.value) for one in placed])
        self.published += placed

    def reset(self) -> None:
        self.published.clear()
        self.is_down = False
        self.hold.set()

    def events(self) -> list[Event]:
        """What the log has, as the engine will read it."""
        return [decode(raw, NOW, trusted=True) for *_, raw, _ in self.published]

    async def send(
        self, body: Any, headers: dict[str, str] | None = None, path: str = "/v1/events"
    ) -> tuple[int, Any]:
        """Status and JSON of a POST; a `body` that is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.client.post(path, data=data, headers=STRUCTURED | (headers or {})) as response:
            return response.status, json.loads(await response.read())

    async def talk(self, *parts: bytes, pause_s: float = 0.0) -> bytes:
        """Raw bytes over one connection, and all that comes back until the server closes it or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        answer = bytearray()

        async def listen() -> None:
            with suppress(ConnectionError):
                while chunk := await reader.read(65536):
                    answer.extend(chunk)

        listening = asyncio.create_task(listen())
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
        await asyncio.wait([listening], timeout=3)
        listening.cancel()
        writer.close()
        return bytes(answer)


class AwayStore(MemoryStore):
    def __init__(self, door: Door) -> None:
        super().__init__(lambda: NOW)
        self._door = door

    async def now(self) -> datetime:
        await self._door.hold.wait()
        if self._door.is_down:
            raise StoreDown("away")
        return await super().now()


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Door]:
    door = Door(**settings)
    ready = asyncio.Event()
    door.server.on_ready = ready.set
    serving = asyncio.create_task(door.server.run())
    await asyncio.wait_for(ready.wait(), 10)
    async with aiohttp.ClientSession(door.server.url) as door.client:
        try:
            yield door
        finally:
            door.hold.set()
            door.server.stop()
            await asyncio.wait_for(serving, 10)
