"""What happens to the topics, or to Kafka, while a worker runs, and nobody tells it."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer

from service.broker import kafka as broker
from service.broker.topic_id import topic_id
from service.consumers import kafka, kafka_shard
from service.consumers.kafka_shard import TOPIC_ID, UNKNOWN
from service.engine import Owner
from tests.kafka.conftest import PARTITIONS, Installation, promise, until
from tests.kafka_server import KafkaServer

pytestmark = [pytest.mark.server, pytest.mark.kafka]


async def test_records_cut_off_before_they_were_read_stop_the_shard_and_hold_its_timers(
    installation: Installation,
):
    worker = await installation.worker()
    await installation.publish(promise("c1", days=3 / 86_400))
    await installation.has("c1")
    reader = installation.reader("c1")
    # The consumer is slow: what comes now is cut off before it is polled, and nothing comes after it.
    reader._consumer.pause(reader._partition)
    await installation.publish(*map(promise, installation.beside("c1", 2)))
    await installation.cut(reader._partition.partition, before=3)
    reader._consumer.resume(reader._partition)

    await until(lambda: any("records 1 to 2 are gone" in one for one in worker.reasons))

    # The `met` may have been among them: nobody is told of a promise that was perhaps kept.
    state = await installation.state("c1")
    assert state is not None
    assert state.told == []


async def test_a_topic_made_anew_is_noticed_while_the_worker_runs(installation: Installation):
    worker = await installation.worker()
    await installation.publish(promise("c1"))
    await installation.has("c1")

    await installation.delete()
    await until(lambda: any("was deleted" in one for one in worker.reasons))
    await installation.make_anew()

    await until(lambda: any("it is another topic" in one for one in worker.reasons))


async def test_a_topic_made_anew_is_told_from_the_old_one_by_its_id_however_much_it_holds(
    installation: Installation,
):
    """Its place fits: only its id says that what lies before it was never read."""
    await installation.worker()
    await installation.publish(promise("c1"))
    await installation.has("c1")
    await installation.stop()
    await installation.make_anew()
    names = installation.beside("c1", 3, "new")
    await installation.publish(*map(promise, names))

    worker = await installation.worker()
    assert [reason for reason in worker.reasons if "it is another topic" in reason]
    await installation.stop()

    await installation.worker(accepts_state_loss=True)
    await installation.has(*names)
    await installation.stop()
    assert (await installation.worker()).reasons == [], "accepted once is accepted"


async def test_a_loss_was_accepted_for_the_start_and_for_no_later_one(installation: Installation):
    worker = await installation.worker(accepts_state_loss=True)
    await installation.publish(promise("c1"))
    await installation.has("c1")

    await installation.make_anew()

    await until(lambda: any("it is another topic" in one for one in worker.reasons))


async def test_an_accepted_topic_whose_id_is_learned_later_is_not_taken_for_yet_another(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    """Kafka does not tell the id of a topic whose leader is being chosen."""
    await installation.worker()
    names = ["c1", *(f"n{number}" for number in range(8))]
    assert {installation.shard(name).partition for name in names} == {0, 1, 2}
    await installation.publish(*map(promise, names))
    await installation.has(*names)
    await installation.stop()
    await installation.make_anew()
    asked = list[str]()

    async def not_at_once(consumer: AIOKafkaConsumer, name: str) -> str | None:
        asked.append(name)
        return "" if asked.count(name) <= PARTITIONS else await topic_id(consumer, name)

    monkeypatch.setattr(kafka_shard, "topic_id", not_at_once)

    worker = await installation.worker(accepts_state_loss=True)
    [new] = installation.beside("c1", 1, "new")
    await installation.publish(promise(new))
    await until(lambda: all(shard.owner and _knows_its_topic(shard.owner) for shard in worker._held))

    await installation.has(new)
    await until(lambda: worker.reasons == [])
    skipped = [one for one in await installation.entries() if one.input == "skipped"]
    assert len(skipped) == PARTITIONS, "nothing is skipped once more"


def _knows_its_topic(owner: Owner) -> bool:
    return owner.offsets.get(TOPIC_ID, UNKNOWN) != UNKNOWN


async def test_a_store_wiped_while_the_worker_runs_stops_it_and_nothing_is_decided(
    installation: Installation,
):
    worker = await installation.worker()
    await installation.publish(promise("c1"))
    await installation.has("c1")
    await next(one for one in worker.topics if one.topic == "deadlines").tell_kafka()

    await installation.wipe()
    [other] = installation.beside("c1", 1)
    await installation.publish(promise(other))

    await until(lambda: any("the state was wiped" in one for one in worker.reasons))
    assert await installation.state(other) is None


async def test_a_worker_whose_kafka_is_gone_is_not_ready_and_says_so(
    installation: Installation, kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kafka, "SILENT_AFTER_S", 2.0)
    monkeypatch.setattr(kafka, "LOOK_WITHIN_S", 1.0)
    worker = await installation.worker()
    assert worker.reasons == []

    kafka_server.freeze()
    try:
        await until(lambda: any("not answered for" in one and "deadlines" in one for one in worker.reasons))
    finally:
        kafka_server.thaw()

    await until(lambda: worker.reasons == [])
    await installation.publish(promise("c1"))
    await installation.has("c1")


async def test_a_producer_that_is_given_up_goes_on_with_nothing(
    installation: Installation, kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
):
    await installation.publish(promise("c1"))
    monkeypatch.setattr(broker, "PUBLISH_WITHIN_S", 0.5)
    kafka_server.freeze()
    try:
        with pytest.raises(broker.KafkaDown):
            await installation.publish(promise("c2"))
        left = [task for task in asyncio.all_tasks() if "_sender_routine" in repr(task)]
    finally:
        kafka_server.thaw()

    assert left == []
