"""Bytes of the server's memory a commitment costs while it is open, under the shipped policies.

Beside it a plain string of 300 bytes under the same key: about what a script would keep as JSON. The log of events
and the log of decisions are left out: they are trimmed by age, whatever is open.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from service.store.keys import Keys
from tests.bench.stage import SHARDS, SHIPPED, client_of, stage
from tests.bench.table import Table
from tests.servers import Server

pytestmark = pytest.mark.bench

OPEN = 20_000


async def test_bytes_per_commitment(make_server: Callable[..., Server], table: Table) -> None:
    server, numbers = make_server(), [f"c{n}" for n in range(OPEN)]
    empty = await _used(server)
    async with stage(server, SHIPPED) as engine:
        await engine.own()
        await engine.feed(
            list(engine.made(numbers, datetime.now(UTC) + timedelta(days=10), timedelta(days=20)))
        )
        await engine.drain()
    await _trim(server)
    ours = (await _used(server) - empty) / OPEN
    server = make_server()
    empty = await _used(server)
    async with client_of(server) as client:
        for number in numbers:
            await client.set(Keys().of(SHARDS[0]).state(f"deadline/{number}"), "x" * 300)
    table.add("bytes a commitment; bare: a string of 300 B", [ours], [(await _used(server) - empty) / OPEN])


async def _trim(server: Server) -> None:
    async with client_of(server) as client:
        for shard in map(Keys().of, SHARDS):
            for stream in (shard.ev, shard.log):
                await client.xtrim(stream, maxlen=0, approximate=False)


async def _used(server: Server) -> int:
    """With no connection but this one: the buffers of others would count."""
    async with client_of(server) as client:
        return int((await client.info("memory"))["used_memory"])
