"""The levels of a store that fills up, and when each is left."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from service.store.fullness import Fullness, Level
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: datetime.now(UTC))


async def test_each_level_is_said_once_and_left_a_little_below_where_it_began(store: MemoryStore) -> None:
    fullness, levels = Fullness(store, Metrics()), []
    with capture_logs() as said:
        for percent in (69, 70, 69, 90, 89, 87, 90, 69, 67, 69):
            store._room.memory = (percent, 100)
            await fullness.look()
            levels.append(fullness.level)

    roomy, tight, full = Level.ROOMY, Level.TIGHT, Level.FULL
    assert levels == [roomy, tight, tight, full, full, tight, full, tight, roomy, roomy]
    assert [(line["event"], line["log_level"]) for line in said] == [
        ("store_tight", "warning"),
        ("store_full", "error"),
        ("store_tight", "warning"),
        ("store_full", "error"),
        ("store_tight", "warning"),
        ("store_roomy", "info"),
    ]


async def test_a_server_without_a_limit_is_never_full(store: MemoryStore) -> None:
    metrics = Metrics()
    fullness = Fullness(store, metrics)
    store._room.memory = (1 << 40, 0)

    await fullness.look()

    assert (fullness.level, fullness.sentence(), metrics.value("store_memory_ratio")) == (Level.ROOMY, "", 0)


async def test_the_metric_and_the_sentence_tell_how_full_it_is(store: MemoryStore) -> None:
    metrics = Metrics()
    fullness = Fullness(store, metrics)
    store._room.memory = (91, 100)

    await fullness.look()

    assert metrics.value("store_memory_ratio") == 0.91
    assert fullness.is_full()
    assert fullness.sentence() == (
        "the store's memory is 91 % full: no event is taken in or decided until it is below 90 %"
    )
