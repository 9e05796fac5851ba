"""Commits by batch size, on a server that waits for its disk, beside the same writes in a pipeline without a guard."""

import itertools
import time
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from service.store.connect import connect
from service.store.contract import Commit, Shard, Store
from tests.bench.stage import client_of
from tests.bench.table import Table, interleaved
from tests.servers import Server

pytestmark = pytest.mark.bench

SHARD = Shard("deadlines", 0)
STATE = b"s" * 384  # a commitment with one open reminder, as the design measures it
LOG = b"l" * 300
FOR_S = 0.5
SUBJECTS = 100_000


@pytest.mark.parametrize("size", [1, 100, 500])
async def test_commits(server: Server, table: Table, size: int) -> None:
    store = await connect(server.url)
    numbers = itertools.count(step=size)
    commit = await _committer(store, size)
    async with client_of(server) as client:
        ours, bare = await interleaved(
            lambda _: _per_second(size, lambda: commit(next(numbers))),
            lambda _: _per_second(size, lambda: _pipeline(client, next(numbers), size)),
        )
    await store.close()
    table.add(f"store alone, events/s in commits of {size}; bare: a pipeline", ours, bare)


async def _per_second(size: int, one: Callable[[], Awaitable[object]]) -> float:
    began, done = time.perf_counter(), 0
    while (took := time.perf_counter() - began) < FOR_S:
        await one()
        done += size
    return done / took


async def _committer(store: Store, size: int) -> Callable[[int], Awaitable[None]]:
    owned = await store.acquire(SHARD)
    seq, position = owned.seq, owned.offsets.get("ev", "0")

    async def commit(number: int) -> None:
        nonlocal seq, position
        subjects = [f"deadline/{(number + i) % SUBJECTS}" for i in range(size)]
        after = f"{number + size}-0"
        batch = Commit(
            owned.epoch,
            seq,
            seq.to_bytes(16, "big"),
            offset=("ev", position, after),
            states=dict.fromkeys(subjects, STATE),
            due={subject: number + i for i, subject in enumerate(subjects)},
            log=[LOG] * size,
        )
        seq, position = await store.commit(SHARD, batch), after

    return commit


async def _pipeline(client: Redis, number: int, size: int) -> None:
    async with client.pipeline(transaction=False) as pipe:
        for i in range(number, number + size):
            pipe.set(f"bare/{i % SUBJECTS}", STATE)
            pipe.zadd("bare:due", {f"bare/{i % SUBJECTS}": i})
            pipe.xadd("bare:log", {"v": LOG})
        await pipe.execute()
