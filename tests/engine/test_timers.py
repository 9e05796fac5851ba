"""Timers fire on time, in order, and never on stale knowledge: first the log is read up to where it stood."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from service.consumers import timers as module
from service.consumers.timers import Timers
from service.engine import Owner
from service.store.clock import Clock
from tests.engine.shard import OneShard


class Watch:
    """The timers of one shard, looked at by hand."""

    def __init__(self) -> None:
        self.shard = OneShard()

    async def start(self) -> None:
        owner = await self.shard.own()
        clock, metrics = Clock(self.shard.store), self.shard.metrics
        self.timers = Timers(self.shard.store, [owner], clock, metrics, lambda: None)

    async def look(self) -> None:
        await self.timers._fire(self.shard.owner, self.shard._now())

    async def a_stub(self, commitment: str) -> None:
        """A commitment that was met before it was made: its one timer removes it after thirty days."""
        await self.shard.tell("deadline.met", commitment=commitment)
        await self.shard.catch_up()


@pytest.fixture
async def watch() -> Watch:
    found = Watch()
    await found.start()
    await found.a_stub("c1")
    return found


async def test_before_its_time_nothing_fires(watch: Watch) -> None:
    watch.shard.at += timedelta(days=29)
    await watch.look()
    assert await watch.shard.state("c1") is not None


async def test_what_is_due_fires(watch: Watch) -> None:
    watch.shard.at += timedelta(days=31)
    await watch.look()
    assert await watch.shard.state("c1") is None


async def test_nothing_fires_before_the_log_is_read_up_to_where_it_stood(watch: Watch) -> None:
    watch.shard.at += timedelta(days=31)
    await watch.shard.tell("deadline.reopened", commitment="c1")

    await watch.look()
    await watch.look()
    assert await watch.shard.state("c1") is not None

    await watch.shard.catch_up()
    await watch.look()
    assert [entry.input for entry in await watch.shard.log()] == ["deadline.met", "deadline.reopened"]


async def test_a_steady_stream_of_events_does_not_hold_timers_up(watch: Watch) -> None:
    """What is waited for is where the log stood at the first look, not where it ends by now."""
    watch.shard.at += timedelta(days=31)
    await watch.shard.tell("deadline.met", commitment="c2")
    await watch.look()
    await watch.shard.catch_up()
    await watch.shard.tell("deadline.met", commitment="c3")

    await watch.look()

    assert await watch.shard.state("c1") is None


async def test_a_place_that_a_rollback_took_away_is_not_waited_for(watch: Watch) -> None:
    kept = watch.shard.store.snapshot()
    watch.shard.at += timedelta(days=31)
    await watch.shard.tell("deadline.met", commitment="c2")
    await watch.look()  # waits for that event to be read
    watch.shard.store.restore(kept)  # which is lost now

    await watch.look()
    await watch.look()

    assert await watch.shard.state("c1") is None


async def test_with_two_clocks_that_differ_nothing_fires(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: float) -> None: ...

    monkeypatch.setattr(module.asyncio, "sleep", nothing)
    assert await watch.timers._clocks_agree()
    watch.shard.at += timedelta(seconds=module.SKEW_MAX_S + 30)
    assert not await watch.timers._clocks_agree()


def test_places_of_the_log_are_compared_as_numbers() -> None:
    assert module.has_read("1000-10", "1000-9")
    assert module.has_read("1000-0", "999-5")
    assert not module.has_read("0", "1-0")
    assert module.has_read("0", "0")


async def test_a_log_that_is_no_stream_of_the_store_is_asked_itself_where_it_ends(watch: Watch) -> None:
    """Else the place that is waited for would be taken anew at every look, and a steady stream would starve timers."""

    async def far_ahead(_: Owner) -> str:
        return "9999999999999-0"

    shard = watch.shard
    timers = Timers(shard.store, [shard.owner], Clock(shard.store), shard.metrics, lambda: None, far_ahead)
    shard.at += timedelta(days=31)

    await timers._fire(shard.owner, shard._now())
    [first] = timers._barriers.values()
    await timers._fire(shard.owner, shard._now())

    assert list(timers._barriers.values()) == [first]


class SlowLog:
    """A log that says where it ends when it is let; how often it was asked, and how often nobody waited any more."""

    def __init__(self, *slow: Owner) -> None:
        self._slow, self.answers, self.asked, self.given_up = slow, asyncio.Event(), 0, 0

    async def head(self, owner: Owner) -> str:
        if owner in self._slow:
            self.asked += 1
            try:
                await self.answers.wait()
            except asyncio.CancelledError:
                self.given_up += 1
                raise
        return str(await owner._store.head(owner.shard))


async def test_one_log_that_does_not_say_where_it_ends_holds_no_other_shards_timers() -> None:
    shards = [OneShard(), OneShard()]
    for shard in shards:
        await shard.own()
        await shard.tell("deadline.met")
        await shard.catch_up()
        shard.at += timedelta(days=31)
    slow = shards[0]
    log = SlowLog(slow.owner)
    owners = [shard.owner for shard in shards]
    timers = Timers(slow.store, owners, Clock(slow.store), slow.metrics, lambda: None, log.head)

    async with asyncio.timeout(20):
        await timers._fire_all(slow._now())
    assert [await shard.state("c1") is None for shard in shards] == [False, True]
    await timers._fire_all(slow._now())
    log.answers.set()
    await timers._fire_all(slow._now())

    assert await slow.state("c1") is None
    assert log.asked == 1, "it is waited for, not asked again and again"


async def test_a_late_answer_counts_for_the_time_at_which_it_was_asked(watch: Watch) -> None:
    """What was due after the question is not fired on it: the `met` may have come behind that place."""
    shard, log = watch.shard, SlowLog(watch.shard.owner)
    watch.timers._head = log.head
    shard.at += timedelta(days=29)
    await watch.look()
    shard.at += timedelta(days=2)
    log.answers.set()

    await watch.look()
    assert await shard.state("c1") is not None

    await watch.look()
    assert await shard.state("c1") is None


async def test_a_shard_that_was_taken_away_is_not_asked_about_any_more(watch: Watch) -> None:
    log = SlowLog(watch.shard.owner)
    watch.timers._head = log.head
    watch.shard.at += timedelta(days=31)
    await watch.look()

    watch.timers.remove(watch.shard.owner)
    await asyncio.sleep(0)

    assert log.given_up == 1


async def test_what_is_decided_for_others_waits_while_timers_are_fired(watch: Watch) -> None:
    """A burst's own times come first: publishing, and all that follows from it, is as much work again."""
    shard, order = watch.shard, list[str]()
    for number in range(2 * module.FIRE_MAX):
        await watch.a_stub(f"d{number}")
    commit = shard.store.commit

    async def watched(*given: Any) -> int:
        order.append("fired")
        publishing.append(asyncio.create_task(publish()))
        await asyncio.sleep(0)  # it begins
        return int(await commit(*given))

    async def publish() -> None:
        await watch.timers.give_way()
        order.append("published")

    publishing: list[asyncio.Task[None]] = []
    shard.store.commit = watched
    shard.at += timedelta(days=31)
    await watch.look()
    await asyncio.gather(*publishing)

    assert order == ["fired"] * 3 + ["published"] * 3


async def test_a_storm_of_timers_does_not_keep_messages_back_for_ever(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GIVE_WAY_S", 0.0)
    commit = watch.shard.store.commit

    async def watched(*given: Any) -> int:
        await watch.timers.give_way()  # it would wait for ever: this very commit is what is waited for
        return int(await commit(*given))

    watch.shard.store.commit = watched
    watch.shard.at += timedelta(days=31)
    await watch.look()

    assert await watch.shard.state("c1") is None


@pytest.mark.parametrize("suspect", ["", "due", "idle"])
async def test_shards_fire_side_by_side_unless_one_may_end_the_process(suspect: str) -> None:
    """One without timers is no danger: after three restarts every such shard is a suspect."""
    shards = [OneShard(), OneShard()]
    idle = OneShard()
    (await idle.own()).suspects.timers = suspect == "idle"
    under_way, most = 0, 0

    def watched(commit: Any) -> Any:
        async def counted(*given: Any) -> int:
            nonlocal under_way, most
            under_way, most = under_way + 1, max(most, under_way + 1)
            for _ in range(20):  # long enough for the other shard to come as far
                await asyncio.sleep(0)
            under_way -= 1
            return int(await commit(*given))

        return counted

    for shard in shards:
        await shard.own()
        await shard.tell("deadline.met")
        await shard.catch_up()
        shard.at += timedelta(days=31)
        shard.store.commit = watched(shard.store.commit)
    first = shards[0]
    first.owner.suspects.timers = suspect == "due"
    owners = [shard.owner for shard in (*shards, idle)]
    timers = Timers(first.store, owners, Clock(first.store), first.metrics, lambda: None)
    timers._head = lambda owner: owner._store.head(owner.shard)

    await timers._fire_all(first._now())

    assert [await shard.state("c1") for shard in shards] == [None, None]
    assert most == (1 if suspect == "due" else 2)
