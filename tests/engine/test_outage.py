"""The store was away and came back without its last second; nothing new happens, and still nothing is forgotten."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from service.consumers.streams import Streams
from service.core.reasons import Code
from service.store.clock import Clock
from service.store.contract import StoreDown
from tests.engine.shard import SHARD, OneShard


@pytest.mark.parametrize("lost", ["event", "timer"])
async def test_what_a_store_lost_is_decided_anew_without_waiting_for_an_event(lost: str) -> None:
    shard = OneShard()
    owner = await shard.own()
    await shard.tell("deadline.met")
    if lost == "timer":
        await shard.catch_up()
        shard.at += timedelta(days=31)
    kept = shard.store.snapshot()
    if lost == "event":
        await shard.catch_up()
    else:
        await owner.fire(await shard.store.next_due(SHARD), shard.at, 200)
    shard.store.restore(kept)
    read, is_down = shard.store.read, [True]

    async def away_once(*arguments: Any) -> Any:
        if is_down:
            is_down.clear()
            raise StoreDown("it was restarted")
        return await read(*arguments)

    shard.store.read = away_once
    is_well = asyncio.Event()

    def look() -> None:
        """Once a round: is the event's state there again; do the timers look into the store again, at once?"""
        if shard.store._shelf(SHARD).states if lost == "event" else owner.next_due_ms == 0:
            is_well.set()

    streams = Streams(shard.store, {SHARD: owner}, Clock(shard.store), shard.metrics, lambda _: None, look)
    reading = asyncio.create_task(streams.run())
    async with asyncio.timeout(20):
        await is_well.wait()
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading

    if lost == "event":
        assert await shard.state() is not None
        [note] = [entry for entry in await shard.log() if entry.input == "rolled_back"]
        assert [reason.code for reason in note.reasons] == [Code.ROLLED_BACK]
