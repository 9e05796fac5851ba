"""The one writer of a shard: what it does when its batch, its place or its store is not what it thinks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service import engine
from service.core.decide import decide
from service.core.effects import Emit, decode_dead
from service.core.reasons import Code
from service.engine import POISON_TIMER_AGAIN_AFTER, to_ms_up
from service.store.clock import to_ms
from service.store.contract import Fenced, Gap, StoreDown
from tests.engine.shard import SHARD, OneShard


@pytest.fixture
async def shard() -> OneShard:
    one = OneShard()
    await one.own()
    return one


async def test_a_batch_that_was_read_from_another_place_is_dropped(shard: OneShard) -> None:
    """Read before the place was corrected: storing it would jump over what lies between."""
    await shard.make("c1")
    [first] = await shard.unread()
    await shard.take([first])
    await shard.make("c2")
    await shard.make("c3")
    second, third = await shard.unread()

    await shard.take([third], after=second.position)

    assert shard.owner.position == first.position
    await shard.catch_up()
    assert [entry.subject for entry in await shard.log()] == ["deadline/c1", "deadline/c2", "deadline/c3"]


@pytest.mark.parametrize("batches", [1, 2])
async def test_an_effect_that_is_published_twice_is_applied_once(shard: OneShard, batches: int) -> None:
    """A publisher that died between publishing and trimming publishes again, at once or after a while."""
    emit = Emit("k" * 32, "deadlines", "goal.closed", "goal/1", shard.at, b'{"goal_id":"1"}')
    for _ in range(batches):
        await shard.emit(emit)
        await shard.emit(emit)
        await shard.catch_up()

    codes = [[reason.code for reason in entry.reasons] for entry in await shard.log()]
    assert codes == [[Code.STUB], *[[Code.ALREADY_DECIDED]] * (2 * batches - 1)]


async def test_after_a_rollback_the_lost_decisions_are_taken_anew_and_the_log_says_so_once(
    shard: OneShard,
) -> None:
    await shard.make()
    await shard.catch_up()
    await shard.tell("deadline.met")
    kept = shard.store.snapshot()
    await shard.catch_up()
    shard.store.restore(kept)  # the event is in the log, its decision is gone
    await shard.make("c2")

    with pytest.raises(Gap):
        await shard.catch_up()
    await shard.catch_up()
    await shard.make("c3")
    await shard.catch_up()

    state = await shard.state()
    assert state is not None
    assert state.status == "met"
    entries = await shard.log()
    assert [entry.input for entry in entries] == [
        "deadline.set", "deadline.met", "deadline.set", "rolled_back", "deadline.set",
    ]  # fmt: skip
    assert [reason.code for reason in entries[3].reasons] == [Code.ROLLED_BACK]
    before, *anew = [logged.epoch for logged in await shard.store.log(SHARD)]
    assert min(anew) > before, "a reader of the log sees which of two equal numbers counts"
    # Decided from what is stored, not from what this owner remembers: there it had happened already.
    assert Code.DUPLICATE not in {reason.code for entry in entries for reason in entry.reasons}


async def test_a_missed_seek_is_corrected_and_is_no_rollback(shard: OneShard) -> None:
    await shard.make()
    await shard.catch_up()
    right = shard.owner.position
    await shard.make("c2")
    records = await shard.unread()
    shard.owner.offsets["ev"] = "7-7"

    with pytest.raises(Gap):
        await shard.take(records)

    assert shard.owner.position == right
    await shard.catch_up()
    assert [entry.input for entry in await shard.log()] == ["deadline.set", "deadline.set"]


async def test_an_owner_of_before_writes_nothing(shard: OneShard) -> None:
    await shard.make()
    records, former = await shard.unread(), shard.owner
    await shard.own()

    shard.owner = former
    with pytest.raises(Fenced):
        await shard.take(records)

    assert await shard.log() == []


async def test_a_commit_whose_reply_is_lost_is_sent_again_and_stored_once(
    shard: OneShard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RETRY_AFTER_S", 0)
    commit, tries = shard.store.commit, []

    async def cut(*arguments: Any) -> int:
        seq: int = await commit(*arguments)
        tries.append(arguments[1])
        if len(tries) < 3:
            raise StoreDown("the reply was lost")
        return seq

    shard.store.commit = cut
    await shard.make()
    await shard.catch_up()
    await shard.make("c2")
    await shard.catch_up()

    assert tries[0] is tries[1] is tries[2]
    assert [entry.subject for entry in await shard.log()] == ["deadline/c1", "deadline/c2"]


async def test_an_event_that_breaks_the_decision_is_kept_with_its_bytes_and_the_others_go_on(
    shard: OneShard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "decide", _breaks_on("deadline/bad"))
    for commitment in ("c1", "bad", "c2"):
        await shard.make(commitment)
    raw = (await shard.unread())[1].value

    await shard.catch_up()

    [letter] = await shard.store.dead_letters(SHARD, 9)
    dead = decode_dead(letter.value)
    assert (dead.reason, dead.kind, dead.subject, dead.raw) == (
        "internal_error",
        "event",
        "deadline/bad",
        raw,
    )
    assert await shard.state("c1") is not None
    assert await shard.state("c2") is not None
    assert await shard.unread() == []


async def test_a_timer_that_breaks_is_tried_again_later_and_the_others_fire(
    shard: OneShard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for commitment in ("bad", "c1"):
        await shard.tell("deadline.met", commitment=commitment)  # before we hear of it: kept thirty days
    await shard.catch_up()
    monkeypatch.setattr(engine, "decide", _breaks_on("deadline/bad"))
    now = shard.at + timedelta(days=31)

    assert await shard.owner.fire(to_ms(now), now, 200) == 2

    assert await shard.state("c1") is None
    again = to_ms(now + POISON_TIMER_AGAIN_AFTER)
    assert await shard.store.due(SHARD, again, 9) == [("deadline/bad", again)]
    assert shard.owner.next_due_ms == again


async def test_a_timer_that_is_not_due_by_the_barrier_does_not_fire(shard: OneShard) -> None:
    await shard.tell("deadline.met")
    await shard.catch_up()
    due_ms = await shard.store.next_due(SHARD)
    later = shard.at + timedelta(days=31)

    assert await shard.owner.fire(due_ms - 1, later, 200) == 0
    assert await shard.owner.fire(due_ms, later, 200) == 1


async def test_an_earlier_timer_wakes_who_waits_for_timers(shard: OneShard) -> None:
    woken: list[int | None] = []
    shard.owner.changed = lambda: woken.append(shard.owner.next_due_ms)

    await shard.tell("deadline.met")
    await shard.catch_up()
    await shard.tell("deadline.met", commitment="c2")
    await shard.catch_up()

    assert woken == [await shard.store.next_due(SHARD)]


@pytest.mark.parametrize(("microsecond", "ms"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)])
def test_a_timer_is_rounded_up_so_that_it_is_never_early(microsecond: int, ms: int) -> None:
    second = datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert to_ms_up(second.replace(microsecond=microsecond)) == to_ms(second) + ms


def _breaks_on(subject: str) -> Any:
    def broken(stored: bytes | None, given: Any, world: Any) -> Any:
        if given.subject == subject:
            raise ZeroDivisionError
        return decide(stored, given, world)

    return broken
