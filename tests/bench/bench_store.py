"""Events committed a second by batch size, on a server that waits for its disk, beside the same writes unguarded."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis.asyncio import Redis

from service.store.connect import connect
from service.store.contract import Commit, Owned, Shard, Store
from service.store.embedded import Embedded
from service.store.wire import open_client

SHARD = Shard("deadlines", 0)
STATE = b"s" * 384  # a commitment with one open reminder, as design §12 measures it
LOG = b"l" * 300
FOR_S = 2.0


async def per_second(size: int, one: Callable[[int], Awaitable[object]]) -> float:
    began, done = time.perf_counter(), 0
    while (took := time.perf_counter() - began) < FOR_S:
        await one(done)
        done += size
    return done / took


async def commits(store: Store, owned: Owned, size: int) -> float:
    seq, position = owned.seq, owned.offsets.get("ev", "0")

    async def one(number: int) -> None:
        nonlocal seq, position
        subjects = [f"deadline/{(number + i) % 100_000}" for i in range(size)]
        commit = Commit(
            owned.epoch,
            seq,
            seq.to_bytes(16, "big"),
            offset=("ev", position, f"{number + size}-0"),
            states=dict.fromkeys(subjects, STATE),
            due={subject: number + i for i, subject in enumerate(subjects)},
            log=[LOG] * size,
        )
        seq, position = await store.commit(SHARD, commit), f"{number + size}-0"

    return await per_second(size, one)


async def bare(client: Redis, size: int) -> float:
    async def one(number: int) -> None:
        async with client.pipeline(transaction=False) as pipe:
            for i in range(number, number + size):
                pipe.set(f"deadline/{i % 100_000}", STATE)
                pipe.zadd("due", {f"deadline/{i % 100_000}": i})
                pipe.xadd("log", {"v": LOG})
            await pipe.execute()

    return await per_second(size, one)


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ft-") as folder:
        embedded = Embedded(Path(folder))
        url = await embedded.start()
        store, client = await connect(url, durability="fsync"), open_client(url)
        for size in (1, 100, 500):
            ours = await commits(store, await store.acquire(SHARD), size)
            theirs = await bare(client, size)
            sys.stdout.write(
                f"batch of {size:3}: {ours:7,.0f} events a second; bare pipeline {theirs:7,.0f}\n"
            )
        await client.aclose()
        await client.connection_pool.aclose()
        await store.close()
        await embedded.stop()


if __name__ == "__main__":
    asyncio.run(main())
