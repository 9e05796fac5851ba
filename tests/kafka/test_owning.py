"""Who owns a shard, and from where it goes on: the store says so, and what does not fit stops loudly."""

import pytest

from tests.kafka.conftest import PARTITIONS, Installation, promise, until

pytestmark = [pytest.mark.server, pytest.mark.kafka]

NAMES = [f"c{n}" for n in range(12)]


async def test_workers_share_the_shards_and_a_leaving_one_hands_over(installation: Installation):
    first = await installation.worker("w1")
    second = await installation.worker("w2")
    await until(lambda: first.is_owner and second.is_owner)
    await until(lambda: first.owned + second.owned == 6 * PARTITIONS)

    await installation.publish(*[promise(name) for name in NAMES[:6]])
    await installation.has(*NAMES[:6])
    await installation.stop("w1")
    await installation.publish(*[promise(name) for name in NAMES[6:]])
    await installation.has(*NAMES[6:])

    await until(lambda: second.owned == 6 * PARTITIONS)
    assert [await installation.applied(name) for name in NAMES] == [1] * len(NAMES)


async def test_a_worker_that_comes_back_goes_on_where_the_store_is(installation: Installation):
    await installation.worker()
    await installation.publish(promise("c1"))
    await installation.has("c1")
    await installation.stop()

    await installation.publish(promise("c2"))
    await installation.worker()

    await installation.has("c2")
    assert await installation.applied("c1") == 1


async def test_a_fenced_owner_writes_nothing_and_takes_the_shard_again(installation: Installation):
    worker = await installation.worker()
    shard = installation.shard("c1")
    thief = await installation.store.acquire(shard)

    await installation.publish(promise("c1"))

    await installation.has("c1")
    assert (await installation.store.acquire(shard)).epoch > thief.epoch + 1
    assert worker.reasons == []
    assert await installation.applied("c1") == 1


async def test_wiped_state_stops_the_shard_until_a_person_accepts_it(installation: Installation):
    await installation.worker()
    await installation.publish(promise("c1"))
    await installation.has("c1")
    shard = installation.shard("c1")
    reader = next(topic for topic in installation.workers["w1"].topics if topic.topic == shard.topic)
    await reader.tell_kafka()
    await installation.stop()
    await installation.wipe()

    worker = await installation.worker()
    assert [reason for reason in worker.reasons if "wiped" in reason]
    assert await installation.state("c1") is None
    await installation.stop()

    await installation.worker(accepts_state_loss=True)
    await installation.has("c1")


async def test_a_topic_that_was_cut_behind_our_back_stops_the_shard(installation: Installation):
    await installation.worker()
    await installation.publish(promise("c1"))
    await installation.has("c1")
    await installation.stop()
    shard = installation.shard("c1")
    same = installation.beside("c1", 3)
    await installation.publish(*[promise(name) for name in same])

    await installation.cut(shard.partition, before=3)
    worker = await installation.worker()

    assert [reason for reason in worker.reasons if "records 1 to 2 are gone" in reason]
    assert await installation.state(same[2]) is None


async def test_a_restored_older_snapshot_is_replayed_and_nothing_doubles(installation: Installation):
    await installation.worker()
    await installation.publish(promise("c1"))
    await installation.has("c1")
    shard = installation.shard("c1")
    kept = await installation.dump(shard)
    same = installation.beside("c1", 2)
    await installation.publish(promise(same[0]))
    await installation.has(same[0])

    await installation.restore(shard, kept)
    await installation.publish(promise(same[1]))

    await installation.has(*same)
    assert [await installation.applied(name) for name in ("c1", *same)] == [1, 1, 1]
    assert any(one.input == "rolled_back" for one in await installation.entries())


async def test_a_transactions_mark_at_the_end_holds_no_timer(installation: Installation):
    await installation.worker()
    await installation.publish(promise("c1", days=3 / 86_400))
    await installation.has("c1")
    shard = installation.shard("c1")
    await installation.produce(b"{}", partition=shard.partition, transactional_id=f"t-{installation.prefix}")

    await until(lambda: _told(installation, "c1", "missed"))


async def _told(installation: Installation, bare_id: str, step: str) -> bool:
    state = await installation.state(bare_id)
    return state is not None and any(told.step == step for told in state.told)


async def test_topics_with_another_number_of_partitions_are_refused(installation: Installation):
    import dataclasses

    from service.broker.kafka import KafkaLog, KafkaUnfit

    other = KafkaLog(dataclasses.replace(installation.access, partitions=PARTITIONS + 1))
    with pytest.raises(KafkaUnfit, match=f"has {PARTITIONS} partitions"):
        await other.start(["deadlines"])


async def test_no_subscriber_has_a_policy_of_its_own_accord(installation: Installation):
    """Every other policy loses or hot-loops."""
    from faststream import AckPolicy

    worker = await installation.worker()
    policies = [topic.subscriber.ack_policy for topic in worker.topics]
    assert policies == [AckPolicy.MANUAL] * 6
    assert all(topic.consumer._enable_auto_commit is False for topic in worker.topics)


async def test_a_poll_waits_for_a_record_and_no_sleep_follows_that_an_event_could_meet(
    installation: Installation,
):
    from service.consumers.kafka_topic import SLEEP_MS, PatientConsumer

    worker = await installation.worker()
    assert all(isinstance(topic.consumer, PatientConsumer) for topic in worker.topics)
    assert {topic.subscriber.batch_timeout_ms for topic in worker.topics} == {SLEEP_MS}


async def test_what_a_store_lost_is_decided_anew_without_waiting_for_an_event(installation: Installation):
    """It came back without its last second; nobody says so."""
    worker = await installation.worker()
    kept, same = await installation.one_to_lose()

    await installation.restore(installation.shard("c1"), kept)
    worker._timers._was_away = True

    await installation.has(same)
    assert [await installation.applied(name) for name in ("c1", same)] == [1, 1]


async def test_another_topic_of_the_same_name_stops_the_shard_until_a_person_accepts_it(
    installation: Installation,
):
    await installation.worker()
    names = ["c1", *installation.beside("c1", 3, "x")]
    await installation.publish(*map(promise, names))
    await installation.has(*names)
    await installation.stop()
    await installation.make_anew()

    worker = await installation.worker()
    assert [reason for reason in worker.reasons if "it is another topic" in reason]
    await installation.stop()

    await installation.worker(accepts_state_loss=True)
    [new] = installation.beside("c1", 1, "y")
    await installation.publish(promise(new))
    await installation.has(new)
    assert any(one.input == "skipped" for one in await installation.entries())
    await installation.stop()

    assert (await installation.worker()).reasons == [], "accepted once is accepted"


async def test_a_shard_that_never_had_an_event_is_not_taken_for_wiped(installation: Installation):
    """Its topic begins behind records that expired before we came."""
    names = ["c1", *installation.beside("c1", 2)]
    await installation.publish(*map(promise, names))
    await installation.cut(installation.shard("c1").partition, before=3)
    first = await installation.worker()
    assert first.reasons == []
    for topic in first.topics:
        await topic.tell_kafka()
    await installation.stop()

    assert (await installation.worker()).reasons == []


async def test_a_producer_is_made_anew_after_an_error(installation: Installation):
    """aiokafka's would refuse every later record to the partition as out of order."""
    from service.broker.kafka import KafkaDown

    producer = installation.log._producer
    assert producer is not None
    await producer.stop()
    with pytest.raises(KafkaDown):
        await installation.publish(promise("c1"))

    await installation.publish(promise("c1"))


async def test_where_a_partition_ends_is_never_asked_behind_a_readers_fetch(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    """A fetch waits half a second for records, and all that is asked over its connection waits with it."""
    await installation.worker()
    await installation.publish(promise("c1"))
    await installation.has("c1")
    reader = installation.reader("c1")
    assert reader.owner is not None

    async def behind_a_fetch(*_: object) -> None:
        raise AssertionError("it would wait for the fetch")

    monkeypatch.setattr(reader._consumer, "end_offsets", behind_a_fetch)

    assert await reader.head(reader.owner) == "1"
