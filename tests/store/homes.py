"""Where a store under test lives: in memory, or on a real server. One shape for all, so that one suite runs on each."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.store.contract import Commit, Owned, Shard, Store, StoreDown
from service.store.keys import GROUP, Keys
from service.store.memory import MemoryStore
from service.store.redis import RedisStore
from service.store.wire import open_client
from tests.servers import Server

DEADLINES = Shard("deadlines", 2)
INBOX = Shard("inbox", 0)
INBOX_1 = Shard("inbox", 1)


class Clock:
    """The clock of a store in memory: every look at it is a millisecond later."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


class MemoryHome:
    def __init__(self) -> None:
        self.clock = Clock()
        self._first = MemoryStore(self.clock)
        self._kept: Any = None

    def open(self, claim_idle_ms: int = 120_000) -> Store:
        """The store as a new process sees it."""
        store = self._first.reopened()
        store._idle_ms = claim_idle_ms
        return store

    def keep_disk(self) -> None:
        self._kept = self._first.snapshot()

    async def lose_since(self) -> None:
        self._first.restore(self._kept)

    async def close(self) -> None:
        pass


class ServerHome:
    def __init__(self, server: Server, prefix: str) -> None:
        self.server, self.prefix = server, prefix
        self._opened: list[RedisStore] = []

    def open(self, claim_idle_ms: int = 120_000) -> Store:
        store = RedisStore(open_client(self.server.url), self.prefix, claim_idle_ms=claim_idle_ms)
        self._opened.append(store)
        return store

    def keep_disk(self) -> None:
        self.server.keep_disk("kept")

    async def lose_since(self) -> None:
        self.server.restore_disk("kept")
        for store in self._opened:
            with suppress(StoreDown):
                await store.now()  # Its connections are dead; it notices by the first use.

    async def close(self) -> None:
        try:
            await self.check_keys()
        finally:
            for store in self._opened:
                await store.close()

    async def check_keys(self) -> None:
        """Every key is on the page, with the type and the life that the page says."""
        client, page = open_client(self.server.url), Keys(self.prefix)
        try:
            async for raw in client.scan_iter(match=f"{self.prefix}:*", count=1000):
                key = raw.decode()
                row = page.row_of(key)
                assert row is not None, f"{key} is not in keys.py"
                if row.shape == "{s}:out":
                    await self._check_pending(client, raw)
                assert (await client.type(raw)).decode() == row.type, key
                ttl_ms = await client.pttl(raw)
                assert (ttl_ms == -1) == row.ttl.startswith("none"), (
                    f"{key} lives {ttl_ms} ms, the page says {row.ttl}"
                )
        finally:
            await client.aclose()
            await client.connection_pool.aclose()

    async def _check_pending(self, client: Redis, key: bytes) -> None:
        """What is settled is no worker's any more."""
        with suppress(ResponseError):  # There is no consumer group before the first claim.
            assert (await client.xpending(key, GROUP))["pending"] <= await client.xlen(key)


Home = MemoryHome | ServerHome


def batch(owned: Owned, seq: int | None = None, **parts: Any) -> Commit:
    """A commit of the owner, with the digest of its parts."""
    digest = hashlib.sha256(repr(sorted(parts.items())).encode()).digest()[:16]
    return Commit(owned.epoch, owned.seq if seq is None else seq, digest, **parts)


async def owe(store: Store, *keys: str, shard: Shard = INBOX) -> Owned:
    """Put one delivery a key into the outbox; returns who did."""
    owned = await store.acquire(shard)
    await store.commit(shard, batch(owned, owed=[(key, f"entry {key}".encode()) for key in keys]))
    return owned


async def eventually(ask: Callable[[], Any], is_fine: Callable[[Any], bool] = bool) -> Any:
    """The first fine answer; the test's own timeout ends a vain wait."""
    while not is_fine(answer := await ask()):
        pass
    return answer
