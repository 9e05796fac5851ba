"""A server that fills up: somebody is told at 70 %; at 90 % nothing new comes in, and what was promised goes out."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from service.broker import Publication
from service.core.envelope import admit
from tests.engine.in_process import Running, running, until
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

# So that a percent is more than everything a test writes.
BALLAST_BYTES = 64_000_000


def fill(server: Server, percent: int) -> None:
    """Set the limit so that what is used is `percent` of it; 0 takes it away."""
    told = re.search(r"used_memory:(\d+)", server.tell("INFO memory"))
    assert told is not None
    limit = int(told[1]) * 100 // percent if percent else 0
    assert server.ask(f"CONFIG SET maxmemory {limit}") == "+OK"


async def promise(it: Running, commitment_id: str, due_in: timedelta = timedelta(days=3)) -> int:
    due_at = (await it.app.clock.now() + due_in).isoformat()
    fields = {
        "commitment_id": commitment_id,
        "title": "A tour",
        "owner": "ana",
        "kind": "tour",
        "due_at": due_at,
    }
    status, _, _ = await it.post("deadline.set", **fields)
    return status


async def append_behind_the_door(it: Running, commitment_id: str) -> None:
    """As another producer of the log would, who does not ask the web."""
    event = {"specversion": "1.0", "id": "e1", "source": "t", "type": "deadline.met"}
    read, raw = admit(event | {"data": {"commitment_id": commitment_id}}, await it.app.clock.now())
    await it.app.broker.publish([Publication(read.topic, read.subject, raw)])


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    server = make_server()
    assert server.ask(f"SETRANGE ballast {BALLAST_BYTES} x").startswith(":")
    return server


async def test_it_warns_at_70_percent_and_goes_on(server: Server, tmp_path: Path) -> None:
    async with running(server, tmp_path) as it:
        assert (await it.ready())[1]["warnings"] == []
        fill(server, 80)

        async def is_said() -> bool:
            status, told = await it.ready()
            assert (status, told["reasons"]) == (200, [])
            return told["warnings"] == ["the store's memory is 80 % full: at 90 % no event is taken in"]

        await until(is_said)
        assert 0.79 < it.app.metrics.value("store_memory_ratio") < 0.81
        assert await promise(it, "more") == 202


async def test_at_90_percent_nothing_comes_in_and_what_is_promised_goes_out(
    server: Server, tmp_path: Path
) -> None:
    async with running(server, tmp_path) as it:
        assert await promise(it, "due-soon", timedelta(seconds=5)) == 202
        fill(server, 95)
        await until(lambda: is_full(it))

        status, told, retry_after = await it.post("deadline.met", commitment_id="due-soon")
        assert (status, told["error"], retry_after) == (503, "store_full", "30")
        status, told = await it.ready()
        assert status == 503
        assert "no event is taken in or decided" in told["reasons"][0]
        assert it.app.metrics.value("intake_refusals_total", reason="store_full") == 1

        # Timers and deliveries: the missed notice becomes due now, and comes.
        await until(lambda: is_caught(it, "missed"))

        # What another producer appends is not decided, and the lag tells that it waits.
        decided = it.app.metrics.value("events_committed_total", topic="deadlines")
        await append_behind_the_door(it, "other")
        await until(lambda: lags(it))
        assert it.app.metrics.value("events_committed_total", topic="deadlines") == decided

        # Room again: nobody has to do anything else.
        fill(server, 50)

        async def is_decided() -> bool:
            return it.app.metrics.value("events_committed_total", topic="deadlines") == decided + 1

        await until(is_decided)
        assert (await it.ready())[0] == 200
        assert await promise(it, "again") == 202


async def is_full(it: Running) -> bool:
    return it.app.fullness.is_full()


async def is_caught(it: Running, template: str) -> bool:
    return ("deadline/due-soon", template) in await it.caught()


async def lags(it: Running) -> bool:
    lines = re.findall(r'lag_seconds\{shard="deadlines\.\d"\} (\S+)', await it.metrics())
    return max(map(float, lines)) > 0.1
