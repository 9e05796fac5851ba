"""Two services on one data folder: one owns the shards, the other stands by until the first is gone."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.channels.sink import Sink
from tests.faults.run import Plan, Run
from tests.faults.service import Service
from tests.faults.test_faults import DELIVERY_CONCURRENCY
from tests.servers import Server

pytestmark = [pytest.mark.fault, pytest.mark.server, pytest.mark.timeout(280)]

# The lease of a dead owner lasts 4 s and is asked for every second; the rest is for a loaded machine.
TAKES_OVER_WITHIN_S = 10.0


async def test_a_standby_takes_over_within_seconds_and_nothing_is_lost_or_new(tmp_path: Path) -> None:
    async with Sink() as sink:
        settings = {"SINK_PORT": str(sink.port)}
        first, second = (Service(tmp_path, name, settings) for name in ("first", "second"))
        # The standby's door is open, too: what it accepts, the owner decides.
        run = Run(Plan("none", events=300, seed=14), tmp_path, sink, [second])
        await first.start()
        await second.start("standby")
        try:
            producing = asyncio.create_task(run.produce())
            await sink.has_seen("DATA", 20)  # in the middle of the burst
            async with asyncio.timeout(TAKES_OVER_WITHIN_S):
                await first.kill()
                await second.is_now("owner")
            # Under its old name it finishes what it was delivering; now it is the one that stands by.
            await first.start("standby")
            await producing
            verdict = await run.settle()
        finally:
            await first.stop()
            await second.stop()

    assert verdict.accepted > 200
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    assert verdict.duplicates <= DELIVERY_CONCURRENCY


async def test_a_second_host_that_bears_a_live_ones_name_is_refused(
    tmp_path: Path, make_server: Callable[..., Server]
) -> None:
    settings = {"SINK_PORT": "25", "REDIS_URL": make_server().url}
    here, there = (Service(tmp_path / host, "w1", settings) for host in ("here", "there"))
    for one in (here, there):
        one.folder.mkdir()
    await here.start()
    try:
        await there.launch()
        assert there.process is not None
        async with asyncio.timeout(200):
            await there.process.wait()
    finally:
        await here.stop()

    assert "a live process elsewhere is called w1" in there.log()
    assert there.process.returncode == 2
