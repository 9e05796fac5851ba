"""A worker's name: the same after a restart, and never borne by two, on one host or on several."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.consumers import names
from service.consumers.names import HeldName, NameLease, NameTaken
from service.store.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: datetime.now(UTC))


@pytest.fixture
def bear(tmp_path: Path, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], NameLease]:
    """A process called w1 on a host of that name. Leases are short, so that no test waits for one."""
    monkeypatch.setattr(names, "NAME_LEASE_MS", 200)
    monkeypatch.setattr(names, "RENEW_EVERY_S", 0.02)
    monkeypatch.setattr(names, "_LIVES_AFTER_S", 0.4)
    return lambda host: NameLease(store, HeldName(tmp_path / host, "w1"))


async def test_a_second_process_elsewhere_waits_for_the_lease_of_a_dead_one(
    bear: Callable[[str], NameLease],
) -> None:
    await bear("a").take()

    await bear("b").take()


async def test_a_second_process_elsewhere_is_refused_while_the_first_lives(
    bear: Callable[[str], NameLease],
) -> None:
    first = bear("a")
    await first.take()
    keeping = asyncio.create_task(first.keep())

    with pytest.raises(NameTaken, match="elsewhere is called w1"):
        await bear("b").take()

    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


async def test_a_process_that_slept_past_its_lease_ends_once_another_bears_its_name(
    bear: Callable[[str], NameLease],
) -> None:
    sleeper, other = bear("a"), bear("b")
    await sleeper.take()
    await other.take()
    keeping = asyncio.create_task(other.keep())

    with pytest.raises(NameTaken):
        await sleeper.keep()

    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


async def test_a_restart_on_the_same_host_does_not_wait(
    bear: Callable[[str], NameLease], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "NAME_LEASE_MS", 3_600_000)
    first = bear("a")
    await first.take()
    first._name.release()  # as the kernel does when a process is killed

    async with asyncio.timeout(1):
        await bear("a").take()


async def test_a_name_that_was_given_back_is_free(
    bear: Callable[[str], NameLease], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "NAME_LEASE_MS", 3_600_000)
    first = bear("a")
    await first.take()
    await first.release()

    await bear("b").take()


async def test_a_dead_bearer_that_a_rollback_brought_back_ends_nobody(
    bear: Callable[[str], NameLease], store: MemoryStore
) -> None:
    mine = bear("a")
    await mine.take()
    keeping = asyncio.create_task(mine.keep())
    store._room.leases["w1"] = ("w1#dead", store._ms() + 200)

    async with asyncio.timeout(10):
        while store._room.leases["w1"][0] != mine._name.holder:
            assert not keeping.done()
            await asyncio.sleep(0.01)

    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
