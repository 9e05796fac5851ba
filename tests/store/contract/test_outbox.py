"""A delivery owed is handed to one worker at a time until one of them has settled it, once."""

import asyncio

import pytest

from service.store.contract import Entry, Settled, Store
from tests.store.homes import DEADLINES, INBOX, INBOX_1, Home, batch, eventually, owe


async def claim(
    store: Store, worker: str = "w", count: int = 10, now_ms: int = 0, block_ms: int = 0
) -> list[Entry]:
    return await store.claim([INBOX, INBOX_1], worker, count, block_ms, now_ms)


async def test_a_delivery_goes_to_one_worker_only(store: Store) -> None:
    await owe(store, "k1", "k2")

    first, second = await claim(store, "one"), await claim(store, "two")

    assert [(entry.key, entry.value) for entry in first] == [("k1", b"entry k1"), ("k2", b"entry k2")]
    assert second == []


async def test_a_worker_gets_no_more_than_it_asked_for(store: Store) -> None:
    await owe(store, "a", "b", "c")
    await owe(store, "d", "e", "f", shard=INBOX_1)

    assert [len(await claim(store, count=4)), len(await claim(store, count=4)), len(await claim(store))] == [
        4,
        2,
        0,
    ]


async def test_a_claim_waits_for_what_is_not_there_yet(store: Store) -> None:
    waiting = asyncio.create_task(claim(store, block_ms=5_000))
    await asyncio.sleep(0)

    await owe(store, "k1", shard=INBOX_1)

    assert [(entry.shard, entry.key) for entry in await waiting] == [(INBOX_1, "k1")]


async def test_a_claim_that_waits_in_vain_returns_empty(store: Store) -> None:
    assert await claim(store, block_ms=20) == []


async def test_sent_is_remembered_by_key_and_logged_with_the_commit_it_stands_behind(store: Store) -> None:
    owned = await owe(store, "k1")
    [entry] = await claim(store)
    assert not await store.was_sent(INBOX, "k1")

    assert await store.settle(entry, Settled("sent", b"went out", emits=(b"tell", b"others")))

    assert await store.was_sent(INBOX, "k1")
    assert not await store.was_sent(INBOX_1, "k1")
    [logged] = await store.log(INBOX)
    [emitted, _] = await store.emits(INBOX, 10)
    assert (logged.seq, logged.epoch, logged.value) == (1, owned.epoch, b"went out")
    assert emitted.value == b"tell"


async def test_settling_twice_changes_nothing(store: Store) -> None:
    await owe(store, "k1")
    [entry] = await claim(store)
    assert await store.settle(entry, Settled("sent", b"first"))

    assert not await store.settle(entry, Settled("dead", b"second", dead=b"x", emits=(b"e",)))

    assert [logged.value for logged in await store.log(INBOX)] == [b"first"]
    assert await store.dead_letters(INBOX, 10) == await store.emits(INBOX, 10) == []


async def test_a_retry_comes_back_when_it_is_due_and_not_before(store: Store) -> None:
    await owe(store, "k1")
    [entry] = await claim(store)
    await store.settle(entry, Settled("retry", b"try again", retry_at_ms=5_000, again=b"second \x00 attempt"))

    assert await claim(store, now_ms=4_999) == []
    [again] = await claim(store, "another", now_ms=5_099)  # retries are looked for every 100 ms
    assert (again.key, again.value) == ("k1", b"second \x00 attempt")
    assert await claim(store, now_ms=9_000) == []


async def test_retries_come_back_in_the_order_of_their_times(store: Store) -> None:
    await owe(store, "late", "early")
    late, early = await claim(store)
    await store.settle(late, Settled("retry", b"", retry_at_ms=200, again=b"late"))
    await store.settle(early, Settled("retry", b"", retry_at_ms=100, again=b"early"))

    assert [entry.value for entry in await claim(store, now_ms=300)] == [b"early", b"late"]


async def test_a_fallback_is_owed_at_once_under_its_own_key(store: Store) -> None:
    await owe(store, "k1")
    [entry] = await claim(store)

    await store.settle(entry, Settled("fallback", b"chat instead", again=b"by chat", again_key="k2"))

    [other] = await claim(store)
    assert (other.key, other.value) == ("k2", b"by chat")
    assert not await store.was_sent(INBOX, "k1")


async def test_what_is_given_up_is_kept_as_a_dead_letter(store: Store) -> None:
    await owe(store, "k1")
    [entry] = await claim(store)

    await store.settle(entry, Settled("dead", b"gave up", dead=b"the bytes", emits=(b"bounced",)))

    assert [letter.value for letter in await store.dead_letters(INBOX, 10)] == [b"the bytes"]
    assert [emit.value for emit in await store.emits(INBOX, 10)] == [b"bounced"]
    assert await claim(store, now_ms=10**15) == []


async def test_what_is_cancelled_leaves_only_its_log_entry(store: Store) -> None:
    await owe(store, "k1")
    [entry] = await claim(store)

    assert await store.settle(entry, Settled("cancelled", b"no longer true"))

    assert not await store.was_sent(INBOX, "k1")
    assert [logged.value for logged in await store.log(INBOX)] == [b"no longer true"]
    assert await claim(store, now_ms=10**15) == []


async def test_an_unknown_outcome_changes_nothing(store: Store) -> None:
    await owe(store, "k1")
    [entry] = await claim(store)

    with pytest.raises(Exception, match="lost"):
        await store.settle(entry, Settled("lost", b""))

    assert await store.settle(entry, Settled("sent", b""))


async def test_a_worker_that_died_finds_first_what_it_held(home: Home) -> None:
    await owe(home.open(), "k1", "k2", "k3")
    await claim(home.open(), "w", count=2)

    reborn = home.open()

    assert [entry.key for entry in await claim(reborn, "w", count=1)] == ["k1"]
    assert [entry.key for entry in await claim(reborn, "w")] == ["k2", "k3"]
    assert await claim(reborn, "w") == []


async def test_nobody_takes_what_another_holds_for_a_short_time(home: Home) -> None:
    await owe(home.open(), "k1")
    await claim(home.open(), "slow")

    assert await claim(home.open(), "quick") == []


async def test_what_another_held_too_long_is_taken_over_and_settled_once(home: Home) -> None:
    await owe(home.open(), "k1")
    slow, quick = home.open(), home.open(claim_idle_ms=1)
    [held] = await claim(slow, "slow")

    [taken] = await eventually(lambda: claim(quick, "quick"))

    assert taken == held
    assert await quick.settle(taken, Settled("sent", b"quick"))
    assert not await slow.settle(held, Settled("sent", b"slow"))
    assert [logged.value for logged in await slow.log(INBOX)] == [b"quick"]


async def test_a_cancelled_claim_loses_no_delivery(store: Store) -> None:
    await owe(store, "k1", "k2")
    for pause in range(12):
        waiting = asyncio.create_task(claim(store))
        for _ in range(pause):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        # A task that had ended before it was cancelled has its deliveries.
        for entry in [] if waiting.cancelled() else waiting.result():
            await store.settle(entry, Settled("retry", b"", again=entry.value))

    found = await claim(store) + await claim(store)
    assert {entry.key for entry in found} == {"k1", "k2"}


async def test_a_worker_is_not_handed_again_what_it_still_works_on(home: Home) -> None:
    store = home.open()
    await owe(store, "k1")
    await claim(store)
    waiting = asyncio.create_task(claim(store, block_ms=5_000))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await claim(store) == []


async def test_any_shard_may_have_deliveries(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, owed=[("k", b"v")]))

    assert len(await store.claim([DEADLINES], "w", 5, 0, 0)) == 1


async def test_what_was_given_up_is_owed_again_and_its_dead_letter_goes(store: Store) -> None:
    await owe(store, "k1")
    [entry] = await claim(store)
    await store.settle(entry, Settled("dead", b"gave up", dead=b"why"))
    [letter] = await store.dead_letters(INBOX, 10)

    await store.owe_again(INBOX, letter.position, "k1", b"entry k1")

    assert await store.dead_letters(INBOX, 10) == []
    assert [(e.key, e.value) for e in await claim(store)] == [("k1", b"entry k1")]


async def test_the_backlog_counts_what_is_owed_now_and_what_waits_for_its_retry(store: Store) -> None:
    await owe(store, "k1", "k2", "k3")
    [first, *_] = await claim(store)
    await store.settle(first, Settled("retry", b"later", retry_at_ms=10, again=b"entry k1"))

    assert await store.backlog(INBOX) == (2, 1)
    assert await store.backlog(INBOX_1) == (0, 0)
