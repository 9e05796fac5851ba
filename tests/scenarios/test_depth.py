"""The deeper depths can fail: what is broken on purpose is seen there, and at no depth above."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from service.broker import Placed
from service.broker.kafka import KafkaLog
from service.channels.caught import CaughtChannel
from service.channels.contract import ChannelError
from service.consumers.kafka_shard import KafkaShard
from service.core.message import Message
from service.engine import Owner
from service.messages.render import render
from service.simulator.judge import Verdict
from service.simulator.play import Build, play, pure
from service.store.contract import Commit
from service.store.redis import RedisStore
from tests.scenarios.on_kafka import PARTITIONS
from tests.scenarios.test_scenarios import ON_KAFKA, SCENARIOS, Asked, kafka, service

pytestmark = pytest.mark.server

UNTOUCHED = "a deadline that nobody touches climbs the whole ladder"
WAITED = "an end that waited in the queue during an outage is read before anybody is accused"
SILENT = "an acknowledgement of the old owner does not bind after the hand-over"


@pytest.fixture
def whole_service(request: Asked) -> Build:
    return service(request)


@pytest.fixture
def on_kafka(request: Asked) -> Build:
    return kafka(request)


async def verdict_on(promise: str, build: Build) -> Verdict:
    [scenario] = [one for one in SCENARIOS if one.promise == promise]
    return (await play(scenario, build))[0]


def without(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Every commit loses its `what`."""
    real = RedisStore.commit

    async def commit(self: RedisStore, shard: Any, batch: Commit) -> int:
        getattr(batch, what).clear()
        return await real(self, shard, batch)

    monkeypatch.setattr(RedisStore, "commit", commit)


def lose_deliveries(monkeypatch: pytest.MonkeyPatch) -> str:
    without(monkeypatch, "owed")
    return UNTOUCHED


def lose_reasons(monkeypatch: pytest.MonkeyPatch) -> str:
    without(monkeypatch, "log")
    return SILENT


def fire_before_the_log_is_read(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("service.consumers.timers.has_read", lambda *_: True)
    read = RedisStore.read

    async def slowly(*given: Any) -> Any:
        await asyncio.sleep(0.2)  # else whoever reads may win the race against the timer
        return await read(*given)

    monkeypatch.setattr(RedisStore, "read", slowly)
    return WAITED


def render_nothing(monkeypatch: pytest.MonkeyPatch) -> str:
    def empty(*given: Any) -> Message:
        return replace(render(*given), text="")

    monkeypatch.setattr("service.app.render", empty)
    return UNTOUCHED


BREAKS = [lose_deliveries, lose_reasons, fire_before_the_log_is_read, render_nothing]


@pytest.mark.parametrize("break_it", BREAKS)
async def test_a_break_fails_at_this_depth_only(break_it, whole_service, monkeypatch):
    promise = break_it(monkeypatch)

    assert not (await verdict_on(promise, whole_service)).is_kept
    assert (await verdict_on(promise, pure)).is_kept


def accuse_before_kafka_is_read(monkeypatch: pytest.MonkeyPatch) -> str:
    async def head(_: KafkaShard, owner: Owner) -> str:
        return owner.position

    monkeypatch.setattr(KafkaShard, "head", head)
    return WAITED


def believe_a_producers_partition(monkeypatch: pytest.MonkeyPatch) -> str:
    misroute(monkeypatch)
    monkeypatch.setattr("service.consumers.kafka_records._is_here", lambda *_: True)
    return SILENT


def misroute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The producer's hash is another one: it gives the partitions their turns."""
    real, turns = KafkaLog.append, itertools.count()

    async def append(self: KafkaLog, placed: list[Placed]) -> None:
        elsewhere = [one._replace(partition=next(turns) % PARTITIONS) for one in placed]
        await real(self, [one if one.origin else other for one, other in zip(placed, elsewhere, strict=True)])

    monkeypatch.setattr(KafkaLog, "append", append)


class TestOnKafka:
    pytestmark = ON_KAFKA

    @pytest.mark.parametrize("break_it", [accuse_before_kafka_is_read, believe_a_producers_partition])
    async def test_a_break_of_kafka_fails_there_only(self, break_it, on_kafka, whole_service, monkeypatch):
        promise = break_it(monkeypatch)

        assert not (await verdict_on(promise, on_kafka)).is_kept
        assert (await verdict_on(promise, whole_service)).is_kept

    async def test_a_promise_is_kept_whatever_partition_a_producer_takes(self, on_kafka, monkeypatch):
        misroute(monkeypatch)

        assert (await verdict_on(SILENT, on_kafka)).is_kept


async def test_a_delivery_that_fails_comes_at_its_retry(whole_service, monkeypatch):
    real, failures = CaughtChannel.send, [ChannelError("busy")]

    async def send(self: CaughtChannel, *given: Any) -> None:
        if failures:
            raise failures.pop()
        await real(self, *given)

    monkeypatch.setattr(CaughtChannel, "send", send)
    monkeypatch.setattr("service.delivery.worker.CLAIM_BLOCK_MS", 20)

    verdict = await verdict_on(UNTOUCHED, whole_service)

    [missing], [late] = verdict.missing, verdict.unexpected
    assert timedelta(seconds=5) <= late.at - missing.at < timedelta(seconds=12)
