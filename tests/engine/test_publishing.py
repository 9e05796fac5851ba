"""What a shard decided for others is published in order, however much it is, and trimmed behind."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Literal

from service.engine import BATCH_MAX, publish_emits
from service.store.contract import Commit, Shard
from service.store.memory import MemoryStore

SHARD = Shard("deadlines", 0)


class Word(asyncio.Event):
    """Remembers whether it had been given, each time somebody came to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.was_given: list[bool] = []

    async def wait(self) -> Literal[True]:
        self.was_given.append(self.is_set())
        return await super().wait()


async def test_more_than_a_batch_is_published_without_another_word() -> None:
    store, published, emitted = MemoryStore(lambda: datetime.now(UTC)), list[bytes](), Word()
    owned = await store.acquire(SHARD)
    emits = [f"{number}".encode() for number in range(2 * BATCH_MAX + 1)]
    await store.commit(SHARD, Commit(owned.epoch, owned.seq, b"", emits=emits))
    is_all = asyncio.Event()

    async def publish(raws: list[bytes]) -> None:
        published.extend(raws)
        if len(published) == len(emits):
            is_all.set()

    emitted.set()
    owner = SimpleNamespace(shard=SHARD, emitted=emitted)
    task = asyncio.create_task(publish_emits(store, owner, publish))  # type: ignore[arg-type]  # all it asks of one
    async with asyncio.timeout(30):
        await is_all.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert published == emits
    assert emitted.was_given[:3] == [True] * 3
