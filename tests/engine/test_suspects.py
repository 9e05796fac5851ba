"""Who is careful, and what accuses: only what several owners in a row began alone and never ended."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from service.core.directory import Directory, World
from service.core.errors import BadEvent
from service.core.policy import PolicyBook
from service.engine import Input, Owner
from service.store.contract import Commit, Record, Shard
from service.store.memory import MemoryStore
from service.suspects import Suspects
from service.telemetry.metrics import Metrics

SHARD = Shard("deadlines", 0)
WHAT = "event ev 5-0"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: datetime.now(UTC))


async def owner_of(store: MemoryStore) -> Suspects:
    return Suspects(store, await store.acquire(SHARD))


async def test_the_third_owner_without_progress_is_careful_and_accuses_nobody(store: MemoryStore) -> None:
    owners = [await owner_of(store) for _ in range(10)]

    assert [(each.events, each.timers) for each in owners[:3]] == [(False, False)] * 2 + [(True, True)]
    assert await owners[-1].begin(WHAT)


async def test_two_who_died_of_it_alone_accuse_it(store: MemoryStore) -> None:
    assert await (await owner_of(store)).begin(WHAT)
    second = await owner_of(store)
    assert (second.events, second.timers) == (True, False)
    assert await second.begin(WHAT)

    assert not await (await owner_of(store)).begin(WHAT)


async def test_what_another_died_of_does_not_accuse_the_next(store: MemoryStore) -> None:
    for _ in range(2):
        assert await (await owner_of(store)).begin(WHAT)

    assert await (await owner_of(store)).begin("event ev 6-0")


async def test_one_who_ended_otherwise_leaves_no_trace_of_its_own(store: MemoryStore) -> None:
    assert await (await owner_of(store)).begin(WHAT)
    for _ in range(5):
        stopped = await owner_of(store)
        assert await stopped.begin(WHAT)
        await stopped.spare()

    assert (await store.acquire(SHARD)).alone == (WHAT, 1)


async def test_a_try_that_is_repeated_by_the_same_owner_counts_once(store: MemoryStore) -> None:
    owner = await owner_of(store)
    for _ in range(5):
        assert await owner.begin(WHAT)

    assert (await store.acquire(SHARD)).alone == (WHAT, 1)


class Stuck(MemoryStore):
    """A store whose commits never answer."""

    async def commit(self, shard: Shard, commit: Commit) -> int:
        self.committing.set()
        return await asyncio.get_running_loop().create_future()

    committing: asyncio.Event


async def test_a_stop_in_the_middle_of_a_record_is_no_death() -> None:
    store = Stuck(lambda: datetime.now(UTC))
    store.committing = asyncio.Event()
    world = World(PolicyBook({}, {}), Directory({}, {}, {}, "g"), {}, frozenset(), "role:ops")
    worlds: Any = SimpleNamespace(current=world)
    owner = Owner(store, await store.acquire(SHARD), worlds, Metrics())

    def unreadable() -> Input:
        return Input("5-0", b"{", None, BadEvent("invalid_json", "no JSON"))

    taking = asyncio.create_task(
        owner.take_alone(Record("5-0", b"{"), unreadable, datetime.now(UTC), owner.position)
    )
    await store.committing.wait()
    assert store._shelf(SHARD).alone == (WHAT, 1)
    taking.cancel()
    await asyncio.wait({taking})

    assert store._shelf(SHARD).alone == ("", 0)
