"""A loop that is cancelled ends, at whatever turn of the event loop the cancellation comes.

`asyncio.wait_for` of Python 3.11 swallows a cancellation that comes as it finishes (cpython#86296); a service built on
it hangs on Ctrl-C, and a worker that lost its lease never lets go.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from service.consumers.timers import Timers
from service.delivery.lanes import Lane
from service.engine import publish_emits
from service.store.clock import Clock
from service.store.contract import Shard
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics

Loop = tuple[Awaitable[object], Callable[[], None]]  # what runs, and what wakes it


def _now() -> datetime:
    return datetime.now(UTC)


async def _nothing(*_: object) -> None:
    return None


def publishing() -> Loop:
    emitted = asyncio.Event()
    owner = SimpleNamespace(shard=Shard("inbox", 0), emitted=emitted)
    return publish_emits(MemoryStore(_now), owner, _nothing), emitted.set  # type: ignore[arg-type]


def timers() -> Loop:
    store = MemoryStore(_now)
    loop = Timers(store, [], Clock(store), Metrics(), lambda: None)
    return loop.run(), loop.wake


def waiting_for_room() -> Loop:
    lane = Lane("slow", 1, _nothing, lambda: 0.0)

    async def wait() -> None:
        while True:
            lane._has_room.clear()
            await lane.room(30)

    return wait(), lane._has_room.set


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("make", [publishing, timers, waiting_for_room])
async def test_a_cancelled_loop_ends(make: Callable[[], Loop], turns: int) -> None:
    running, wake = make()
    task = asyncio.ensure_future(running)
    for _ in range(20):
        await asyncio.sleep(0)

    wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()

    ended, _ = await asyncio.wait({task}, timeout=5)
    task.cancel()  # so that a swallowed one does not outlive its test
    assert ended, f"cancelled {turns} turns after it was woken, it runs on"
