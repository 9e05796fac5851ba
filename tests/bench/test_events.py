"""Events committed a second: log → decode → decide → commit, on a server that waits for its disk.

Beside it a bare loop that reads the same records and writes the same bytes, one script a batch, without deciding and
without a guard; and plain reading of the same records.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from service.engine import BATCH_MAX
from service.store.contract import Commit
from tests.bench.stage import LADDER, SHARDS, SHIPPED, Stage, client_of, stage
from tests.bench.table import ROUNDS, Table
from tests.servers import Server

pytestmark = pytest.mark.bench

# Each is set, reported on twice and met: four events.
COMMITMENTS = 1_500

# What a script would write for a batch: states, timers, log and what it decided for others, and where it has read to.
BARE = """
local n, entries = tonumber(ARGV[1]), tonumber(ARGV[2])
local states, due = {'MSET'}, {'ZADD', KEYS[1]}
for i = 1, n do
  states[2 * i], states[2 * i + 1] = KEYS[3 + i], ARGV[3 + i]
  due[2 * i + 1], due[2 * i + 2] = ARGV[3 + n + i], KEYS[3 + i]
end
redis.call(unpack(states))
redis.call(unpack(due))
for i = 1, entries do redis.call('XADD', KEYS[2], '*', 'v', ARGV[3 + 2 * n + i]) end
redis.call('SET', KEYS[3], ARGV[3])
"""


@pytest.mark.parametrize(
    ("config", "policies"), [(SHIPPED, "the shipped policies"), (LADDER, "a ladder without conditions")]
)
async def test_events_committed(server: Server, table: Table, config: Path, policies: str) -> None:
    ours, written, read = [], [], []
    async with stage(server, config) as engine, client_of(server) as client:
        await engine.own()
        for number in range(ROUNDS):
            before = [engine.owners[shard].position for shard in SHARDS]
            events = list(lives(engine, number))
            await engine.feed(events)
            engine.commits.clear()
            ours.append(len(events) / await engine.drain())
            commits = [commit for _, commit, _ in engine.commits]
            written.append(len(events) / await _write(client, before, commits))
            read.append(len(events) / await _read(client, before))
    table.add(f"events committed/s, {policies}; bare: the same bytes", ours, written)
    table.add(f"events committed/s, {policies}; bare: plain XREAD", ours, read)


def lives(engine: Stage, number: int) -> Iterator[dict[str, object]]:
    """Whole lives of so many commitments, a stage at a time."""
    numbers = [f"{number}-{n}" for n in range(COMMITMENTS)]
    yield from engine.made(numbers, datetime.now(UTC) + timedelta(days=10), timedelta(days=20))
    for percent in (40, 80):
        yield from (engine.event("deadline.progress", n, percent=percent) for n in numbers)
    yield from (engine.event("deadline.met", n) for n in numbers)


async def _read(client: Redis, after: list[str]) -> float:
    """The seconds to read the records, shard by shard."""
    began = time.perf_counter()
    for shard, start in zip(SHARDS, after, strict=True):
        position = start
        while found := await client.xread({f"ft:{{{shard}}}:ev": position}, BATCH_MAX):
            position = found[0][1][-1][0]
    return time.perf_counter() - began


async def _write(client: Redis, after: list[str], commits: list[Commit]) -> float:
    """The seconds to read the records and write what the engine wrote for them."""
    sha = await client.script_load(BARE)
    calls = []
    for commit in commits:
        assert commit.offset is not None
        states = commit.states
        keys = ["bare:due", "bare:log", "bare:off", *(f"bare:{subject}" for subject in states)]
        due = [commit.due[subject] or 0 for subject in states]
        blobs = [blob or b"" for blob in states.values()]
        entries = [*commit.log, *commit.emits]
        args = [len(states), len(entries), commit.offset[2], *blobs, *due, *entries]
        calls.append((len(keys), *keys, *args))
    began = time.perf_counter()
    for call in calls:
        await client.evalsha(sha, *call)
    return time.perf_counter() - began + await _read(client, after)
