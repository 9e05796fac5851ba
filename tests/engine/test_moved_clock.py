"""A clock that tests and the demo move: whoever looks at time sees it, and sees it at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from service.consumers.streams import Streams
from service.consumers.timers import Timers
from service.core.envelope import admit
from service.engine import Input
from service.store.clock import Clock
from service.store.contract import Entry, Shard
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics
from tests.delivery.desk import NOON, Desk, an_owed

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MOVED = timedelta(days=-200)
SHARD = Shard("deadlines", 0)
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "s",
    "type": "deadline.met",
    "data": {"commitment_id": "c1"},
}


class OneBatch:
    """An owner that keeps what it is given, and then ends the reading."""

    position = "0"

    def __init__(self) -> None:
        self.inputs: list[Input] = []

    async def take(self, inputs: list[Input], _after: str, _now: datetime) -> None:
        self.inputs = inputs
        raise asyncio.CancelledError


async def given_by_the_log(raw: bytes) -> tuple[Input, Metrics]:
    store, owner, metrics = MemoryStore(lambda: NOW), OneBatch(), Metrics()
    await store.append([(SHARD, raw)])
    streams = Streams(store, {SHARD: owner}, Clock(store, MOVED), metrics, lambda _: None, lambda: None)
    await asyncio.wait([asyncio.create_task(streams.run())])
    return owner.inputs[0], metrics


async def test_a_record_without_a_receipt_of_its_own_was_received_by_the_moved_clock():
    _, raw = admit(EVENT, NOW)
    bare = raw.replace(b'"receivedat"', b'"elsewhere"')

    given, _ = await given_by_the_log(bare)

    assert given.event is not None
    assert given.event.received_at == NOW + MOVED


async def test_a_record_that_came_by_the_door_was_received_when_the_door_says():
    at_the_door = NOW + MOVED - timedelta(hours=1)
    _, raw = admit(EVENT, at_the_door)

    given, _ = await given_by_the_log(raw)

    assert given.event is not None
    assert given.event.received_at == at_the_door


async def test_a_wake_that_comes_while_the_timers_look_is_not_lost():
    """Else a moved clock is seen a quarter of a second later."""
    rounds: list[None] = []
    store = MemoryStore(lambda: datetime.now(UTC))

    class Waking(Clock):
        async def now(self) -> datetime:
            if len(rounds) == 1:
                timers.wake()
            return await super().now()

    timers = Timers(store, [], Waking(store), Metrics(), lambda: rounds.append(None))
    running = asyncio.create_task(timers.run())
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()

    assert len(rounds) == 2


async def test_delivery_that_waited_for_work_while_the_clock_was_moved_knows_what_time_it_is():
    desk, waits = Desk(), asyncio.Event()
    claim = desk.store.claim

    async def watched(*given: Any) -> list[Entry]:
        waits.set()
        return await claim(*given)

    desk.store.claim = watched
    async with desk.working():
        await waits.wait()
        desk.clock.offset += timedelta(days=1)
        await desk.owe(an_owed())
        await desk.settled.count(1)

    [entry] = await desk.log()
    assert entry.at == NOON + timedelta(days=1)
