"""The store, the address book, the renderer or the channel fails at its n-th call, for every n until a run is clean.

Invariant: everything owed is sent; what the store recorded as sent once was sent once, unless the failure lay between
the vendor's yes and our record; every copy carries the same key.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from service.delivery import attempt, worker
from service.store.contract import StoreDown
from service.store.memory import MemoryStore
from tests.delivery.desk import Desk, an_owed

ADAPTERS = ("now", "claim", "was_sent", "load", "settle")


class FailsOnce:
    """A store whose n-th call fails: before anything happened, or after it happened with the reply lost."""

    def __init__(self, store: MemoryStore, nth: int, *, is_reply_lost: bool, error: Exception) -> None:
        self._store, self._left, self._is_reply_lost, self._error = store, nth, is_reply_lost, error
        self.has_failed = False

    def __getattr__(self, name: str) -> Any:
        original = getattr(self._store, name)
        if name not in ADAPTERS:
            return original

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left != 0:
                return await original(*args, **kwargs)
            self.has_failed = True
            if self._is_reply_lost:
                await original(*args, **kwargs)
                if name == "claim":  # A real store reads a worker's own entries again after a failed claim.
                    watched, self._store = self._store.settle, self._store.reopened()
                    self._store.settle = watched  # type: ignore[method-assign]
            raise self._error

        return call


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CLAIM_BLOCK_MS", 2)
    for module in (attempt, worker):
        monkeypatch.setattr(module, "PATIENCE_S", (0.001,))


async def run_with(desk: Desk, store: Any) -> None:
    await desk.owe(*[an_owed(number) for number in range(3)])
    async with desk.working(desk.worker(store=store)):
        await desk.until_sent(3, step_s=10)


@pytest.mark.parametrize("is_reply_lost", [False, True])
@pytest.mark.parametrize("error", [StoreDown("gone"), RuntimeError("a mistake of ours")])
async def test_the_store_may_fail_at_any_call_and_everything_is_sent_once(
    is_reply_lost: bool, error: Exception, crashes: None
) -> None:
    for nth in range(1, 100):
        desk = Desk()
        store = FailsOnce(desk.store, nth, is_reply_lost=is_reply_lost, error=error)

        await run_with(desk, store)

        sent = Counter(owed.key for owed, _, _ in desk.email.accepted)
        assert set(sent.values()) == {1}, (nth, sent)
        assert len(sent) == 3
        if not store.has_failed:
            break
    else:
        pytest.fail("no run was clean")


@pytest.mark.parametrize("adapter", ["reader", "render", "send"])
async def test_an_adapter_may_crash_at_any_call_and_everything_is_sent_once(
    adapter: str, crashes: None
) -> None:
    for nth in range(1, 5):
        desk = Desk()
        crash_at(desk, adapter, nth)

        await run_with(desk, desk.store)

        sent = Counter(owed.key for owed, _, _ in desk.email.accepted)
        assert sorted(sent.values()) == [1, 1, 1]
        assert desk.outcomes()["sent"] == 3


def crash_at(desk: Desk, adapter: str, nth: int) -> None:
    left = nth

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyError("a mistake of ours")
            return original(*args)

        return call

    if adapter == "send":
        desk.email.send = counted(desk.email.send)  # type: ignore[method-assign]
    elif adapter == "reader":
        desk.reader = counted(desk.reader)  # type: ignore[method-assign]
    else:
        desk.render = counted(desk.render)


async def test_a_send_whose_record_was_lost_for_good_is_repeated_with_its_key_by_the_next_worker(
    desk: Desk, crashes: None
) -> None:
    """A kill between the vendor's yes and our record: the one duplicate that is allowed, and marked by its key."""
    await desk.owe(an_owed())
    settle = desk.store.settle

    async def killed(*_: Any) -> bool:
        raise RuntimeError("killed here")

    desk.store.settle = killed  # type: ignore[method-assign]
    async with desk.working():
        await desk.email.has_tried(1)
    desk.store.settle = settle  # type: ignore[method-assign]
    desk.store = desk.store.reopened()

    async with desk.working():
        await desk.email.has_tried(2)

    assert len({key for key, _ in desk.email.tried}) == 1


async def test_what_is_still_in_hand_is_not_begun_again_when_the_store_gives_it_out_anew(desk: Desk) -> None:
    """The store was away longer than it lets a worker be silent; the record of what was sent is still on its way."""
    desk.store._idle_ms = 1
    settle = desk.store.settle
    is_down = True

    async def away(entry: Any, outcome: Any) -> bool:
        if is_down:
            raise StoreDown("away")
        return await settle(entry, outcome)

    desk.store.settle = away  # type: ignore[method-assign]
    claim, claims = desk.store.claim, 0

    async def counted(*args: Any) -> Any:
        nonlocal claims
        claims += len(entries := await claim(*args))
        return entries

    desk.store.claim = counted  # type: ignore[method-assign]
    await desk.owe(an_owed())

    async with desk.working():
        async with asyncio.timeout(10):
            while claims < 3:
                desk.later(seconds=1)
                await desk.settled.change(within_s=0.005)
        is_down = False
        await desk.settled.count(1)

    assert len(desk.email.tried) == 1
    assert desk.settled.kinds == ["sent"]


async def test_another_worker_that_settled_first_leaves_one_record(desk: Desk) -> None:
    await desk.owe(an_owed())
    settle = desk.store.settle

    async def twice(entry: Any, outcome: Any) -> bool:
        await settle(entry, outcome)
        return await settle(entry, outcome)

    desk.store.settle = twice  # type: ignore[method-assign]
    async with desk.working():
        while not desk.outcomes():
            await desk.settled.change(within_s=0.01)

    assert desk.outcomes() == {"taken": 1}
    assert len(await desk.log()) == 1
