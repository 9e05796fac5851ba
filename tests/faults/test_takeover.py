"""Two services on one data folder: one owns the shards, the other stands by until the first is gone."""

import asyncio
from pathlib import Path

import pytest

from tests.channels.sink import Sink
from tests.faults.run import Plan, Run
from tests.faults.test_faults import DELIVERY_CONCURRENCY

pytestmark = [pytest.mark.fault, pytest.mark.server, pytest.mark.timeout(280)]

# The lease of a dead owner lasts 4 s and is asked for every second; the rest is for a loaded machine.
TAKES_OVER_WITHIN_S = 10.0


async def test_a_standby_takes_over_within_seconds_and_nothing_is_lost_or_new(tmp_path: Path) -> None:
    plan = Plan("none", events=300, seed=14)
    async with Sink() as sink:
        first, second = Run(plan, tmp_path, sink), Run(plan, tmp_path, sink)
        await first.start()
        await second.start("standby")
        try:
            # The standby's door is open, too: what it accepts, the owner decides.
            producing = asyncio.create_task(second.produce())
            await sink.has_seen("DATA", 20)  # in the middle of the burst
            assert first.process is not None
            first.process.kill()
            async with asyncio.timeout(TAKES_OVER_WITHIN_S):
                await first.process.wait()
                await second.is_now("owner")
            # Under its old name it finishes what it was delivering; now it is the one that stands by.
            await first.start("standby")
            await producing
            verdict = await second.settle()
        finally:
            await first.stop()
            await second.stop()

    assert verdict.accepted > 200
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    assert verdict.duplicates <= DELIVERY_CONCURRENCY
