"""Opens the event log that the settings name, as a broker to publish to: the store's own streams, or Kafka.

What it cannot do it says as the store does (a StoreDown, Unfit), so that no publisher needs to know which log it is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.broker import Broker, Placed
from service.settings.service import ServiceSettings
from service.store.contract import LogDown, Shard, Store, Unfit


@asynccontextmanager
async def open_broker(service: ServiceSettings, store: Store) -> AsyncIterator[Broker]:
    """A broker that publishes durably; its connection, where it has one of its own, ends with the block."""
    if not service.kafka_servers:

        async def append(placed: list[Placed]) -> None:
            await store.append([(Shard(one.topic, one.partition), one.value) for one in placed])

        yield Broker(append, service.partitions)
        return

    from service.broker.kafka import Access, KafkaDown, KafkaLog, KafkaUnfit

    try:
        kafka = KafkaLog(Access.of(service))
        await kafka.start(Broker.topics)
    except KafkaDown as error:
        raise LogDown(str(error)) from error
    except KafkaUnfit as error:
        raise Unfit(str(error)) from error

    async def publish(placed: list[Placed]) -> None:
        try:
            await kafka.append(placed)
        except KafkaDown as error:
            raise LogDown(str(error)) from error

    try:
        yield Broker(publish, service.partitions)
    finally:
        await kafka.stop()
