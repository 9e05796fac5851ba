"""The event log of one machine, what waits to be published, the log of decisions, and what lies beside."""

import asyncio
from datetime import timedelta

from service.store.contract import Settled, Store
from service.store.keys import CAUGHT_MAX, KEPT_TTL_S_MAX
from tests.store.homes import DEADLINES, INBOX, INBOX_1, Home, MemoryHome, batch, owe


async def test_records_are_read_in_order_after_a_position(store: Store) -> None:
    positions = await store.append([(DEADLINES, b"a"), (INBOX, b"x"), (DEADLINES, b"b"), (DEADLINES, b"c")])

    found = await store.read({DEADLINES: positions[0], INBOX: "0", INBOX_1: "0"}, 10, 0)

    assert {shard: [record.value for record in records] for shard, records in found.items()} == {
        DEADLINES: [b"b", b"c"],
        INBOX: [b"x"],
    }
    assert [record.position for record in found[DEADLINES]] == [positions[2], positions[3]]


async def test_a_read_gives_at_most_count_of_each_shard(store: Store) -> None:
    await store.append([(shard, b"r") for shard in (DEADLINES, INBOX) for _ in range(5)])

    found = await store.read({DEADLINES: "0", INBOX: "0"}, 3, 0)

    assert [len(records) for records in found.values()] == [3, 3]


async def test_a_read_waits_for_what_is_not_there_yet(store: Store) -> None:
    waiting = asyncio.create_task(store.read({DEADLINES: "0", INBOX: "0"}, 10, 5_000))
    await asyncio.sleep(0)

    [position] = await store.append([(INBOX, b"x")])

    assert await waiting == {INBOX: [(position, b"x")]}


async def test_a_read_that_waits_in_vain_returns_empty(store: Store) -> None:
    assert await store.read({DEADLINES: "0"}, 10, 20) == {}


async def test_the_head_is_the_newest_position_or_zero(store: Store) -> None:
    assert await store.head(DEADLINES) == "0"
    assert await store.read({DEADLINES: await store.head(DEADLINES)}, 1, 0) == {}

    positions = await store.append([(DEADLINES, b"a"), (DEADLINES, b"b")])

    assert await store.head(DEADLINES) == positions[-1]


async def test_appending_nothing_is_fine(store: Store) -> None:
    assert await store.append([]) == []
    assert await store.read({}, 1, 0) == {}


async def test_what_was_published_is_trimmed_and_nothing_else(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, emits=[b"1", b"2", b"3"]))
    _, second, third = await store.emits(DEADLINES, 10)

    await store.published(DEADLINES, second.position)

    assert await store.emits(DEADLINES, 10) == [third]
    await store.published(DEADLINES, second.position)
    assert await store.emits(DEADLINES, 10) == [third]


async def test_emits_of_several_commits_keep_their_order(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    for seq in range(5):
        await store.commit(DEADLINES, batch(owned, seq, emits=[b"%d.%d" % (seq, i) for i in range(3)]))

    values = [emit.value for emit in await store.emits(DEADLINES, 100)]

    assert values == [b"%d.%d" % (seq, i) for seq in range(5) for i in range(3)]


async def test_the_log_is_read_in_order_from_any_place(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, 0, log=[b"a", b"b"]))
    await store.commit(DEADLINES, batch(owned, 1, log=[b"c"]))

    entries = await store.log(DEADLINES)

    assert [(entry.seq, entry.value) for entry in entries] == [(1, b"a"), (1, b"b"), (2, b"c")]
    assert await store.log(DEADLINES, entries[0].id) == entries[1:]
    assert await store.log(DEADLINES, count=2) == entries[:2]
    assert await store.recent_log(DEADLINES, 2) == [entries[2], entries[1]]


async def test_a_settlement_does_not_look_like_a_rollback_to_a_reader_of_the_log(store: Store) -> None:
    owned = await owe(store, "k1")
    [entry] = await store.claim([INBOX], "w", 1, 0, 0)
    await store.acquire(INBOX)

    await store.settle(entry, Settled("sent", b"sent"))

    [settled] = await store.log(INBOX)
    assert (settled.seq, settled.epoch) == (1, owned.epoch), "the last commit's, although a new owner came"


async def test_dead_letters_come_newest_first_and_one_can_be_taken_away(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, dead=[b"old", b"new"]))
    new, old = await store.dead_letters(DEADLINES, 10)
    assert (new.value, old.value) == (b"new", b"old")
    assert await store.dead_letters(DEADLINES, 1) == [new]

    assert await store.forget_dead(DEADLINES, new.position)

    assert not await store.forget_dead(DEADLINES, new.position)
    assert await store.dead_letters(DEADLINES, 10) == [old]


async def test_only_the_newest_caught_messages_are_kept(store: Store) -> None:
    for number in range(CAUGHT_MAX + 5):
        last = await store.catch(b"%d" % number)

    found = await store.caught(count=2_000)

    assert [found[0].value, found[-1].value, len(found)] == [b"5", b"%d" % (CAUGHT_MAX + 4), CAUGHT_MAX]
    assert found[-1].position == last
    assert await store.caught(after=last) == []


async def test_the_last_word_about_a_thing_is_kept_one_a_field(store: Store) -> None:
    for field, value in (("seen", b"1"), ("error", b"2"), ("seen", b"3")):
        await store.note("hubspot", field, value)

    assert await store.notes("hubspot") == {"seen": b"3", "error": b"2"}
    assert await store.notes("nobody") == {}


async def test_a_small_thing_is_kept_for_its_time_and_the_last_one_counts(home: Home) -> None:
    store = home.open()
    await store.keep("place", b"old", 60)
    await store.keep("place", b"new", KEPT_TTL_S_MAX)
    await store.keep("brief", b"x", 1)

    assert await home.open().kept("place") == b"new"  # as a new process sees it
    assert await store.kept("nothing") is None
    if isinstance(home, MemoryHome):  # a server's own times are looked at when its home is closed
        home.clock.at += timedelta(seconds=1)
        assert await store.kept("brief") is None


async def test_what_never_was_an_event_is_buried_as_it_came(store: Store) -> None:
    await store.bury(DEADLINES, b"one")
    await store.bury(DEADLINES, b"two")

    assert [letter.value for letter in await store.dead_letters(DEADLINES, 10)] == [b"two", b"one"]


async def test_a_reader_of_caught_messages_may_wait(store: Store) -> None:
    last = await store.catch(b"before")
    waiting = asyncio.create_task(store.caught(last, block_ms=5_000))
    await asyncio.sleep(0)

    await store.catch(b"after")

    assert [record.value for record in await waiting] == [b"after"]


async def test_the_lease_has_one_holder_who_may_renew_it(home: Home) -> None:
    one, two = home.open(), home.open()

    assert await one.lease("one", 60_000)
    assert not await two.lease("two", 60_000)
    assert await one.lease("one", 60_000)
    await two.release("two")
    assert not await two.lease("two", 60_000)
    await one.release("one")
    assert await two.lease("two", 60_000)
    assert not await one.lease("one", 60_000)


async def test_the_lease_of_a_name_is_that_names_alone(store: Store) -> None:
    assert await store.lease("one", 60_000)
    assert await store.lease("two", 60_000, "w1")
    assert not await store.lease("one", 60_000, "w1")
    assert await store.lease("one", 60_000, "w2")
    await store.release("two", "w1")
    assert await store.lease("one", 60_000, "w1")


async def test_a_lease_that_is_not_renewed_ends(store: Store) -> None:
    assert await store.lease("one", 5)

    while not await store.lease("two", 60_000):
        pass

    assert not await store.lease("one", 60_000)


async def test_pinned_things_are_found_by_kind_and_hash(store: Store) -> None:
    await store.put_pinned("policy", "abc", b"the policy")
    await store.put_pinned("policy", "abc", b"the policy")

    assert await store.get_pinned("policy", "abc") == b"the policy"
    assert await store.get_pinned("graph", "abc") is None


async def test_trimming_keeps_what_is_young_or_not_yet_applied(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    positions = await store.append([(DEADLINES, b"a"), (DEADLINES, b"b")])
    await store.commit(DEADLINES, batch(owned, offset=("ev", "0", positions[0]), log=[b"l"], dead=[b"d"]))

    await store.trim(DEADLINES, "ev")
    await store.trim(INBOX, "ev")

    assert len((await store.read({DEADLINES: "0"}, 10, 0))[DEADLINES]) == 2
    assert len(await store.log(DEADLINES)) == len(await store.dead_letters(DEADLINES, 10)) == 1


async def test_the_clock_is_aware_utc_and_cut_to_milliseconds(store: Store) -> None:
    now = await store.now()

    assert now.utcoffset() is not None
    assert not now.utcoffset()
    assert now.microsecond % 1000 == 0
