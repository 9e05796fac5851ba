"""The same on Kafka, with two services that share the shards; the long runs are `make faults`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.run import AHEAD_SLOW_S, Plan, run
from tests.faults.test_faults import DELIVERY_CONCURRENCY
from tests.kafka_server import KafkaServer, broker
from tests.servers import Server

pytestmark = [
    *(pytest.mark.fault, pytest.mark.server, pytest.mark.kafka),
    pytest.mark.timeout(280),
]


@pytest.fixture
def own_kafka() -> Iterator[KafkaServer]:
    """A broker that may be killed."""
    with broker() as server:
        yield server


async def test_nothing_is_lost_early_or_new_when_workers_are_killed(
    tmp_path: Path, kafka_server: KafkaServer
) -> None:
    this, verdict = await run(Plan("service", events=400, times=3, seed=21), tmp_path, kafka=kafka_server)

    assert this.faults_done == 3
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    assert verdict.duplicates <= DELIVERY_CONCURRENCY * this.faults_done


async def test_a_worker_that_slept_past_its_session_wakes_as_a_zombie_and_harms_nobody(
    tmp_path: Path, kafka_server: KafkaServer
) -> None:
    this, verdict = await run(
        Plan("frozen", events=300, times=1, seed=22, ahead=AHEAD_SLOW_S), tmp_path, kafka=kafka_server
    )

    assert this.faults_done == 1
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    assert verdict.duplicates <= DELIVERY_CONCURRENCY


async def test_nothing_is_lost_early_or_new_when_the_broker_is_killed(
    tmp_path: Path, own_kafka: KafkaServer
) -> None:
    this, verdict = await run(
        Plan("broker", events=300, times=1, seed=23, ahead=AHEAD_SLOW_S), tmp_path, kafka=own_kafka
    )

    assert this.faults_done == 1
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    assert verdict.duplicates == 0
    # FastStream's own logger would print two coloured lines for each batch, past ours.
    assert "Received" not in this.services[0].log()


async def test_nothing_is_lost_early_or_new_when_the_store_falls_back_while_roles_run_apart(
    tmp_path: Path, kafka_server: KafkaServer, make_server: Callable[..., Server]
) -> None:
    plan = Plan("rollback", events=300, times=2, seed=24, is_split=True, ahead=AHEAD_SLOW_S)

    this, verdict = await run(plan, tmp_path, make_server(), kafka_server)

    assert this.faults_done == 2
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    # What had left within the lost seconds leaves again, under the same key.
    logs = [service.log() for service in this.services]
    assert any("rolled_back" in log for log in logs), [log[-2000:] for log in logs]
