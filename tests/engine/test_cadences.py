"""Who is in which cadence is said in the event log when the service starts, and only where something has changed."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.cadences import announce
from service.core.effects import decode_log
from service.core.model import Commitment, decode_state
from service.store.contract import Shard
from tests.engine.in_process import Running, running, until
from tests.servers import Server
from tests.web.pages_world import PagesWorld

SERIES = {f"checkin/{person}:weekly" for person in ("ana", "dana", "kim", "leo")}


async def known(it: Running) -> set[str]:
    shards = [Shard("checkins", partition) for partition in range(it.app.broker.partitions)]
    return {subject for shard in shards for subject, _ in await it.app.store.due(shard, 2**53 - 1, 100)}


async def said_again(it: Running) -> int:
    app = it.app
    return await announce(app.settings.series, app.store, app.broker, app.clock)


@pytest.mark.server
async def test_a_series_is_born_at_the_first_start_and_at_no_other(valkey_server: Server, tmp_path: Path):
    async def all_are_born() -> bool:
        return await known(it) == SERIES

    async with running(valkey_server, tmp_path) as it:
        await until(all_are_born)
        assert await said_again(it) == 0

    async with running(valkey_server, tmp_path) as it:
        heads = [await it.app.store.head(Shard("checkins", p)) for p in range(it.app.broker.partitions)]
        assert await said_again(it) == 0
        assert await known(it) == SERIES
        assert heads == [
            await it.app.store.head(Shard("checkins", p)) for p in range(it.app.broker.partitions)
        ]


async def test_two_that_start_at_once_say_it_twice_and_it_counts_once():
    world = PagesWorld()
    world.is_held = True  # neither has read what the other says

    for _ in range(2):
        said = await announce(world.settings.series, world.store, world.broker, world.deps.clock)
        assert said == len(SERIES)
    await world.catch_up()

    shard = Shard("checkins", world.broker.partition("checkin/ana:weekly"))
    entries = [decode_log(one.value) for one in await world.store.log(shard)]
    codes = [one.reasons[0].code for one in entries if one.subject == "checkin/ana:weekly"]
    assert codes == ["recorded", "already_decided"]
    assert await announce(world.settings.series, world.store, world.broker, world.deps.clock) == 0


async def test_whoever_left_is_ended_by_the_next_start_and_comes_back_by_another():
    world = PagesWorld()
    here = (world.store, world.broker, world.deps.clock)
    others = replace(world.settings, series=tuple(s for s in world.settings.series if s.person != "ana"))
    statuses = []

    for settings in (world.settings, others, world.settings, others, world.settings):
        await announce(settings.series, *here)
        statuses.append((await world.state("checkin/ana:weekly")).status)

    assert statuses == ["open", "cancelled", "open", "cancelled", "open"]
    [raw] = await world.store.load(
        Shard("checkins", world.broker.partition("checkin/leo:weekly")), ["checkin/leo:weekly"]
    )
    assert raw is not None
    untouched = decode_state(raw)
    assert isinstance(untouched, Commitment)
    assert untouched.checkin is not None
    assert untouched.checkin.version == 1
