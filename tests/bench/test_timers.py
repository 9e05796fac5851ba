"""A burst of timers: 10,000 subjects due within one second, their states cold, on the service's own loops.

Beside it what a script does with a sorted set: read what is due, take it out, look again.
"""

import asyncio
import time
from datetime import timedelta

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from service.consumers.timers import FIRE_MAX
from service.core.policy import PolicyBook
from service.store.contract import Commit
from tests.bench.kafka_stage import kafka_stage
from tests.bench.stage import LADDER, Stage, client_of, stage
from tests.bench.table import ROUNDS, Table, percentile
from tests.kafka_server import KafkaServer
from tests.servers import Server

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

BURST = 10_000
WITHIN = timedelta(seconds=1)
# The clock is moved to this long before the first of them, so that the worker has taken its shards by then.
AHEAD = timedelta(seconds=1)


async def test_timers_due_in_a_burst(server: Server, table: Table) -> None:
    async with stage(server, LADDER) as engine, client_of(server) as client:
        await measure(engine, client, table, "10,000 timers due in a second")


async def test_timers_due_in_a_burst_on_kafka(
    kafka_server: KafkaServer, server: Server, table: Table
) -> None:
    async with (
        kafka_stage(kafka_server, server, LADDER, "bench-timers") as engine,
        client_of(server) as client,
    ):
        await measure(engine, client, table, "the same on Kafka")


async def measure(engine: Stage, client: Redis, table: Table, name: str) -> None:
    ours, bare = [], []
    keep_one_step(engine)
    for number in range(ROUNDS):
        ours.append(figures(*await burst(engine, number)))
        bare.append(await _bare(client))
    for place, figure in enumerate(("fired/s", "lateness p50, ms", "lateness p99, ms")):
        rounds = ([found[place] for found in each] for each in (ours, bare))
        table.add(f"{name}, {figure}; bare: a sorted set", *rounds)


def keep_one_step(engine: Stage) -> None:
    """The missed notice alone, so that no later step of the same subjects joins the burst."""
    world = engine.worlds.current
    policy = world.policies.live[0]
    policy = replace(policy, hash="one-step", steps=tuple(s for s in policy.steps if s.id == "missed"))
    engine.worlds.replace(replace(world, policies=PolicyBook((policy,), {policy.hash: policy})))


async def burst(engine: Stage, number: int) -> tuple[list[float], float]:
    """Record them, then let a fresh worker take the shards: it fires, publishes and decides the inboxes. By how many
    seconds the commit of each timer came after its time; the seconds from the first one's time to the last commit."""
    first = await engine.clock.now() + timedelta(days=1)
    engine.commits.clear()
    await engine.record(list(engine.made([f"{number}-{n}" for n in range(BURST)], first, WITHIN)))
    due_s = {
        subject: due_ms / 1000
        for _, commit, _ in engine.commits
        for subject, due_ms in commit.due.items()
        if due_ms is not None
    }
    async with engine.working():
        engine.commits.clear()
        engine.clock.offset += first - await engine.clock.now() - AHEAD
        fired = await _fired(engine)
    moved_s = engine.clock.offset.total_seconds()
    late_s = [at + moved_s - due_s[subject] for at, commit in fired for subject in commit.states]
    return late_s, max(at for at, _ in fired) + moved_s - min(due_s.values())


async def _fired(engine: Stage) -> list[tuple[float, Commit]]:
    """The commits of timers and when they were stored, once all is decided that followed from the whole burst."""
    while sum(len(commit.owed) for _, commit, _ in engine.commits) < BURST:  # noqa: ASYNC110 - Nothing tells a bench.
        await asyncio.sleep(0.1)
    return [(at, commit) for _, commit, at in engine.commits if commit.offset is None and commit.states]


async def _bare(client: Redis) -> tuple[float, float, float]:
    """Lateness in a burst of the same shape; timers a second when all of them are due already."""
    _, late_s = await _drained(client, first=time.time() + 0.5)
    took, _ = await _drained(client, first=time.time() - 10)
    return figures(late_s, took)


async def _drained(client: Redis, first: float) -> tuple[float, list[float]]:
    due = {f"bare{n}": first + n * WITHIN.total_seconds() / BURST for n in range(BURST)}
    await client.zadd("bare", {member: round(at * 1000) for member, at in due.items()})
    late_s: list[float] = []
    began = time.perf_counter()
    while len(late_s) < BURST:
        members = await client.zrangebyscore("bare", "-inf", int(time.time() * 1000), 0, FIRE_MAX)
        if members:
            await client.zrem("bare", *members)
            late_s += [time.time() - due[member.decode()] for member in members]
        else:
            await asyncio.sleep(0.001)
    return time.perf_counter() - began, late_s


def figures(late_s: list[float], took_s: float) -> tuple[float, float, float]:
    return len(late_s) / took_s, percentile(late_s, 50) * 1000, percentile(late_s, 99) * 1000
