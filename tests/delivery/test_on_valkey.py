"""The worker on a real server: what a store in memory cannot prove about groups, streams and lost connections."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from service.store.redis import RedisStore
from service.store.wire import open_client
from tests.delivery.desk import INBOX, TRY_LATER, Desk, an_owed
from tests.servers import Server

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.delivery.worker.CLAIM_BLOCK_MS", 50)


@pytest.fixture
async def desk(valkey_server: Server, prefix: str) -> AsyncIterator[Desk]:
    store = RedisStore(open_client(valkey_server.url), prefix)
    yield Desk(store)
    await store.close()


async def test_a_burst_is_sent_once_each_by_two_workers(desk: Desk) -> None:
    await desk.owe(*[an_owed(number) for number in range(200)])

    async with desk.working(desk.worker("w1")), desk.working(desk.worker("w2")):
        await desk.settled.count(200)

    assert set(Counter(owed.key for owed, _, _ in desk.email.accepted).values()) == {1}
    assert len(desk.email.accepted) == 200


async def test_a_retry_comes_back_when_the_shared_clock_says_so(desk: Desk) -> None:
    desk.email.fails = [TRY_LATER]
    owed = an_owed()
    await desk.owe(owed)

    async with desk.working():
        await desk.settled.count(1)
        desk.later(seconds=10)
        await desk.settled.kind("sent")

    assert desk.email.accepted[0][0].attempt == 1
    assert await desk.store.was_sent(INBOX, owed.key)


async def test_a_restarted_worker_of_the_same_name_takes_over_what_it_held(
    desk: Desk, valkey_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.delivery.worker.STOP_WITHIN_S", 0.05)
    desk.email.gate = asyncio.Event()
    await desk.owe(an_owed(1), an_owed(2))
    async with desk.working(desk.worker("w1")):
        await desk.email.has_tried(2)
    desk.email.gate = None

    again = RedisStore(open_client(valkey_server.url), prefix)
    desk.settled.watch(again)
    async with desk.working(desk.worker("w1", store=again)):
        await desk.settled.count(2)
    await again.close()

    assert sorted(owed.subject for owed, _, _ in desk.email.accepted) == ["deadline/c1", "deadline/c2"]


@pytest.mark.fault
async def test_while_the_server_is_killed_and_restarted_nothing_is_lost_or_sent_twice(
    make_server: Callable[..., Server], prefix: str
) -> None:
    server = make_server()
    store = RedisStore(open_client(server.url), prefix)
    desk = Desk(store)
    await desk.owe(*[an_owed(number) for number in range(100)])

    async with desk.working():
        await desk.settled.count(20)
        desk.email.gate = asyncio.Event()
        seen = len(desk.email.tried)
        await desk.email.has_tried(seen + 1)
        await asyncio.to_thread(server.kill)
        desk.email.gate.set()
        starting = threading.Thread(target=server.start)
        starting.start()
        while desk.settled.kinds.count("sent") < 100:
            await desk.settled.change(within_s=1)
        await asyncio.to_thread(starting.join)

    assert set(Counter(owed.key for owed, _, _ in desk.email.accepted).values()) == {1}
    assert len(desk.email.accepted) == 100
    await store.close()
