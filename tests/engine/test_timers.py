"""Timers fire on time, in order, and never on stale knowledge: first the log is read up to where it stood."""

from datetime import timedelta

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
