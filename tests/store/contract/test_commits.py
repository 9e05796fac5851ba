"""A commit is stored whole, by its owner only, once, and only on what the owner knew."""

import pytest

from service.store.contract import Fenced, Gap, Store, Unfit
from tests.store.homes import DEADLINES, Home, batch


async def test_everything_of_a_batch_is_stored(store: Store) -> None:
    owned = await store.acquire(DEADLINES)

    seq = await store.commit(
        DEADLINES,
        batch(
            owned,
            offset=("ev", "0", "5-0"),
            states={"deadline/a": b"A", "deadline/b": b"B\x00\xff"},
            due={"deadline/a": 2_000, "deadline/b": 1_000},
            emits=[b"first", b"second"],
            owed=[("k1", b"owed")],
            log=[b"why"],
            dead=[b"poison"],
            seen={"effect": 10},
        ),
    )

    assert seq == owned.seq + 1
    assert await store.load(DEADLINES, ["deadline/b", "deadline/none", "deadline/a"]) == [
        b"B\x00\xff",
        None,
        b"A",
    ]
    assert await store.due(DEADLINES, 5_000, 10) == [("deadline/b", 1_000), ("deadline/a", 2_000)]
    assert await store.next_due(DEADLINES) == 1_000
    assert [emit.value for emit in await store.emits(DEADLINES, 10)] == [b"first", b"second"]
    assert [(entry.seq, entry.epoch, entry.value) for entry in await store.log(DEADLINES)] == [
        (1, owned.epoch, b"why")
    ]
    assert [dead.value for dead in await store.dead_letters(DEADLINES, 10)] == [b"poison"]
    assert await store.applied(DEADLINES, ["other", "effect"]) == [False, True]
    [entry] = await store.claim([DEADLINES], "w", 10, 0, 0)
    assert (entry.key, entry.value) == ("k1", b"owed")


async def test_a_big_batch_is_stored_whole(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    names = [f"deadline/{number}" for number in range(3_000)]

    await store.commit(
        DEADLINES, batch(owned, states=dict.fromkeys(names, b"x"), due=dict.fromkeys(names, 7))
    )

    assert await store.load(DEADLINES, names) == [b"x"] * 3_000
    assert len(await store.due(DEADLINES, 7, 5_000)) == 3_000


async def test_a_forgotten_subject_leaves_nothing(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, states={"deadline/a": b"A"}, due={"deadline/a": 5}))

    await store.commit(DEADLINES, batch(owned, seq, states={"deadline/a": None}, due={"deadline/a": None}))

    assert await store.load(DEADLINES, ["deadline/a"]) == [None]
    assert await store.next_due(DEADLINES) is None


async def test_a_moved_timer_is_due_at_its_new_time_only(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, due={"deadline/a": 5}))

    await store.commit(DEADLINES, batch(owned, seq, due={"deadline/a": 9}))

    assert await store.due(DEADLINES, 8, 10) == []
    assert await store.due(DEADLINES, 9, 10) == [("deadline/a", 9)]


async def test_due_subjects_come_the_earliest_first_and_no_more_than_asked_for(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, due={"c": 3, "a2": 1, "a1": 1, "ä": 2, "z": 9}))

    assert await store.due(DEADLINES, 3, 10) == [("a1", 1), ("a2", 1), ("ä", 2), ("c", 3)]
    assert await store.due(DEADLINES, 3, 2) == [("a1", 1), ("a2", 1)]


@pytest.mark.parametrize("offset", [("ev", "0", "5-0"), None], ids=["events", "timers"])
async def test_a_resent_commit_changes_nothing_and_is_answered_alike(
    store: Store, offset: tuple[str, str, str] | None
) -> None:
    owned = await store.acquire(DEADLINES)
    commit = batch(owned, offset=offset, emits=[b"e"], log=[b"l"], owed=[("k", b"v")], dead=[b"d"])
    seq = await store.commit(DEADLINES, commit)

    assert await store.commit(DEADLINES, commit) == seq

    assert len(await store.log(DEADLINES)) == len(await store.emits(DEADLINES, 9)) == 1
    assert (
        len(await store.dead_letters(DEADLINES, 9)) == len(await store.claim([DEADLINES], "w", 9, 0, 0)) == 1
    )


async def test_an_older_owner_is_fenced_and_writes_nothing(store: Store) -> None:
    old = await store.acquire(DEADLINES)
    new = await store.acquire(DEADLINES)
    assert new.epoch > old.epoch

    with pytest.raises(Fenced):
        await store.commit(DEADLINES, batch(old, states={"deadline/a": b"A"}, log=[b"l"]))

    assert await store.load(DEADLINES, ["deadline/a"]) == [None]
    assert await store.log(DEADLINES) == []
    assert await store.commit(DEADLINES, batch(new, log=[b"new"])) == 1


async def test_even_its_own_resent_commit_does_not_get_a_fenced_owner_back(store: Store) -> None:
    old = await store.acquire(DEADLINES)
    commit = batch(old, log=[b"l"])
    await store.commit(DEADLINES, commit)
    await store.acquire(DEADLINES)

    with pytest.raises(Fenced):
        await store.commit(DEADLINES, commit)


async def test_another_commit_under_the_same_number_is_a_gap(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, offset=("ev", "0", "5-0"), log=[b"one"]))

    with pytest.raises(Gap) as gap:
        await store.commit(DEADLINES, batch(owned, offset=("ev", "5-0", "6-0"), log=[b"two"]))

    assert (gap.value.seq, gap.value.offsets) == (1, {"ev": "5-0"})
    assert [entry.value for entry in await store.log(DEADLINES)] == [b"one"]


async def test_a_number_ahead_of_the_stored_one_is_a_gap(store: Store) -> None:
    owned = await store.acquire(DEADLINES)

    with pytest.raises(Gap) as gap:
        await store.commit(DEADLINES, batch(owned, owned.seq + 1, log=[b"l"]))

    assert gap.value.seq == 0
    assert await store.log(DEADLINES) == []


async def test_a_missed_seek_is_a_gap(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, offset=("ev", "0", "5-0")))

    with pytest.raises(Gap) as gap:
        await store.commit(
            DEADLINES, batch(owned, seq, offset=("ev", "4-0", "9-0"), states={"deadline/a": b"A"})
        )

    assert gap.value.offsets == {"ev": "5-0"}
    assert await store.load(DEADLINES, ["deadline/a"]) == [None]


async def test_positions_may_have_holes_but_must_follow_the_stored_one(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, offset=("kafka", "0", "41")))

    seq = await store.commit(DEADLINES, batch(owned, seq, offset=("kafka", "41", "1007")))

    assert (await store.acquire(DEADLINES)).offsets == {"kafka": "1007"}


async def test_each_source_has_its_own_position(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, offset=("one", "0", "5-0")))
    await store.commit(DEADLINES, batch(owned, seq, offset=("two", "0", "8-0")))

    assert (await store.acquire(DEADLINES)).offsets == {"one": "5-0", "two": "8-0"}


async def test_a_timers_commit_leaves_the_position_alone(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, offset=("ev", "0", "5-0")))
    seq = await store.commit(DEADLINES, batch(owned, seq, log=[b"timer"]))

    assert await store.commit(DEADLINES, batch(owned, seq, offset=("ev", "5-0", "6-0"))) == 3


async def test_shards_do_not_know_each_other(store: Store) -> None:
    other = DEADLINES._replace(partition=3)
    owned, others = await store.acquire(DEADLINES), await store.acquire(other)
    await store.commit(
        DEADLINES, batch(owned, states={"deadline/a": b"A"}, due={"deadline/a": 1}, log=[b"l"])
    )

    assert await store.load(other, ["deadline/a"]) == [None]
    assert await store.next_due(other) is None
    assert await store.log(other) == []
    assert await store.commit(other, batch(others, log=[b"mine"])) == 1


async def test_old_marks_of_applied_effects_are_trimmed_in_the_commit(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, seen={"old": 10, "edge": 20}))

    await store.commit(DEADLINES, batch(owned, seq, seen={"new": 30}, seen_before=20))

    assert await store.applied(DEADLINES, ["old", "edge", "new"]) == [False, True, True]


async def test_a_new_owner_learns_where_the_shard_stands(home: Home) -> None:
    first = home.open()
    owned = await first.acquire(DEADLINES)
    await first.commit(DEADLINES, batch(owned, offset=("ev", "0", "5-0")))

    second = await home.open().acquire(DEADLINES)

    assert (second.seq, second.offsets) == (1, {"ev": "5-0"})


async def test_owners_who_came_and_went_without_moving_the_offset_are_counted(store: Store) -> None:
    assert [(await store.acquire(DEADLINES)).owners for _ in range(3)] == [1, 2, 3]
    last = await store.acquire(DEADLINES)

    seq = await store.commit(DEADLINES, batch(last, log=[b"a timer does not count"]))
    owned = await store.acquire(DEADLINES)
    assert owned.owners == 5
    await store.commit(DEADLINES, batch(owned, seq, offset=("ev", "0", "1-0")))

    assert (await store.acquire(DEADLINES)).owners == 1


async def test_owners_who_came_and_went_without_firing_a_timer_are_counted_apart(store: Store) -> None:
    assert [(await store.acquire(DEADLINES)).timer_owners for _ in range(3)] == [1, 2, 3]
    last = await store.acquire(DEADLINES)

    seq = await store.commit(DEADLINES, batch(last, offset=("ev", "0", "1-0")))
    owned = await store.acquire(DEADLINES)
    assert (owned.owners, owned.timer_owners) == (1, 5)
    await store.commit(DEADLINES, batch(owned, seq, log=[b"a timer"]))

    assert (await store.acquire(DEADLINES)).timer_owners == 1


async def test_what_an_owner_began_alone_and_never_committed_is_told_to_the_next(store: Store) -> None:
    first = await store.acquire(DEADLINES)
    assert first.alone == ("", 0)
    await store.alone(DEADLINES, first.epoch, "event ev 5-0", 1)
    second = await store.acquire(DEADLINES)
    assert second.alone == ("event ev 5-0", 1)
    await store.alone(DEADLINES, second.epoch, "event ev 5-0", 2)
    third = await store.acquire(DEADLINES)
    assert third.alone == ("event ev 5-0", 2)

    await store.commit(DEADLINES, batch(third, log=[b"decided"]))

    assert (await store.acquire(DEADLINES)).alone == ("", 0)


async def test_a_note_of_what_is_decided_alone_is_taken_back_and_is_the_owners_only(store: Store) -> None:
    former = await store.acquire(DEADLINES)
    owner = await store.acquire(DEADLINES)
    await store.alone(DEADLINES, owner.epoch, "timer 5 deadline/a b", 1)

    with pytest.raises(Fenced):
        await store.alone(DEADLINES, former.epoch, "event ev 1-0", 7)

    owner = await store.acquire(DEADLINES)
    assert owner.alone == ("timer 5 deadline/a b", 1)
    await store.alone(DEADLINES, owner.epoch, "timer 5 deadline/a b", 0)
    assert (await store.acquire(DEADLINES)).alone == ("", 0)


async def test_a_topic_keeps_its_number_of_partitions(store: Store) -> None:
    await store.acquire(DEADLINES, partitions=4)
    await store.acquire(DEADLINES, partitions=4)
    await store.acquire(DEADLINES)

    with pytest.raises(
        Unfit, match=r"deadlines was created with 4 partitions and now has 8.*set it back to 4"
    ):
        await store.acquire(DEADLINES, partitions=8)


async def test_whatever_has_a_timer_is_found_page_by_page(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    names = {f"deadline/{number}": number for number in range(1_000)}
    await store.commit(DEADLINES, batch(owned, states=dict.fromkeys(names, b"x"), due=names))

    cursor, found = await store.armed(DEADLINES)
    while cursor != "0":
        cursor, more = await store.armed(DEADLINES, cursor)
        found += more

    assert dict(found) == names
