"""A server that comes back without its last second: the owner is told where it stands, and replays from there."""

from collections.abc import AsyncIterator, Callable

import pytest

from service.store.contract import Fenced, Gap
from tests.servers import Server
from tests.store.homes import DEADLINES, Home, MemoryHome, ServerHome, batch


@pytest.fixture(params=["memory", pytest.param("valkey", marks=pytest.mark.server)])
async def home(
    request: pytest.FixtureRequest, make_server: Callable[..., Server], prefix: str
) -> AsyncIterator[Home]:
    found: Home = MemoryHome() if request.param == "memory" else ServerHome(make_server(), prefix)
    yield found
    await found.close()


async def test_a_rollback_is_a_gap_with_the_stored_place(home: Home) -> None:
    store = home.open()
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, 0, offset=("ev", "0", "1-0"), states={"deadline/a": b"1"}))
    home.keep_disk()
    await store.commit(DEADLINES, batch(owned, 1, offset=("ev", "1-0", "2-0"), states={"deadline/a": b"2"}))
    await home.lose_since()

    with pytest.raises(Gap) as gap:
        await store.commit(
            DEADLINES, batch(owned, 2, offset=("ev", "2-0", "3-0"), states={"deadline/a": b"3"})
        )

    assert (gap.value.seq, gap.value.offsets) == (1, {"ev": "1-0"})
    assert await store.load(DEADLINES, ["deadline/a"]) == [b"1"]
    assert await store.commit(DEADLINES, batch(owned, 1, offset=("ev", "1-0", "3-0"))) == 2


async def test_a_timers_commit_after_a_rollback_is_a_gap_too(home: Home) -> None:
    store = home.open()
    owned = await store.acquire(DEADLINES)
    home.keep_disk()
    seq = await store.commit(DEADLINES, batch(owned, log=[b"timer"]))
    await home.lose_since()

    with pytest.raises(Gap) as gap:
        await store.commit(DEADLINES, batch(owned, seq, log=[b"next timer"]))

    assert gap.value.seq == 0


async def test_no_epoch_is_handed_out_twice_even_after_a_rollback(home: Home) -> None:
    store = home.open()
    await store.acquire(DEADLINES)
    home.keep_disk()
    lost = [await store.acquire(DEADLINES) for _ in range(3)]
    await home.lose_since()
    while (await store.now()).timestamp() * 1000 <= lost[-1].epoch:
        pass  # Epochs follow the clock's milliseconds.

    with pytest.raises(Fenced):
        await store.commit(DEADLINES, batch(lost[-1], log=[b"zombie"]))
    assert (await store.acquire(DEADLINES)).epoch > lost[-1].epoch
