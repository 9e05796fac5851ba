"""A store that is behind its owner: the owner takes the stored place, says so in the log, and counts it once."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from service.core.directory import Directory, World
from service.core.effects import decode_log
from service.core.errors import BadEvent
from service.core.policy import PolicyBook
from service.engine import Gap, Input, Owner
from service.store.contract import Shard
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics

SHARD = Shard("deadlines", 0)


async def test_a_rollback_is_counted_once_and_written_down() -> None:
    store, metrics, now = MemoryStore(lambda: datetime.now(UTC)), Metrics(), datetime.now(UTC)
    world = World(PolicyBook({}, {}), Directory({}, {}, {}, "g"), {}, frozenset(), "role:ops")
    worlds: Any = SimpleNamespace(current=world)
    owner = Owner(store, await store.acquire(SHARD), worlds, metrics)
    kept = store.snapshot()
    first, second = [[Input(at, b"{", None, BadEvent("invalid_json", "no JSON"))] for at in ("5-0", "6-0")]

    await owner.take(first, owner.position, now)
    store.restore(kept)
    with pytest.raises(Gap):
        await owner.take(second, owner.position, now)
    for inputs in (first, second):
        await owner.take(inputs, owner.position, now)

    said = [decode_log(entry.value).input for entry in await store.log(SHARD)]
    assert said.count("rolled_back") == 1
    assert metrics.value("rollbacks_total", topic="deadlines") == 1
    assert metrics.value("commit_conflicts_total", kind="gap") == 1
    assert metrics.value("commit_seconds_count", topic="deadlines") == 3
