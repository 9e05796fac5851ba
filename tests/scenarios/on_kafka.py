"""The whole service on a real Kafka: the driver of `whole.py`, with another installation and another look.

What is slow there is done once for all scenarios: they share the topics, and each has a store of its own. To a
scenario it is an installation that has been running for a while: it goes on where the topics end.
"""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from service.broker.kafka import Access, ensure_topics
from service.consumers.kafka import KafkaWorker
from service.consumers.kafka_shard import SOURCE
from service.consumers.timers import has_read
from service.core.events import TOPICS
from service.messages.templates import Templates
from service.settings.model import Settings
from service.settings.service import KafkaSettings
from service.simulator.play import Build, Stage
from service.store.contract import Shard
from service.store.keys import Keys
from tests.kafka_server import KafkaServer
from tests.scenarios.installation import Installation
from tests.scenarios.unfinished import Unfinished
from tests.scenarios.whole import WholeStage

# Enough that what belongs together lies apart: a shard costs a scenario its acquisition.
PARTITIONS = 2
SHARDS = [Shard(topic, partition) for topic in TOPICS for partition in range(PARTITIONS)]
# A scenario waits for Kafka some twenty times. Kafka answers the requests of a connection one after the other, so a
# timer that asks where its log ends waits behind the fetch of an idle topic, by default for up to half a second; and
# a join that must ask again pauses a tenth.
SOON = {"fetch_max_wait_ms": 20, "retry_backoff_ms": 10}


class KafkaInstallation(Installation):
    """The same, with `event_log: kafka://…`; what the door takes goes through Kafka."""

    def __init__(self, kafka: KafkaServer, topic_prefix: str, *given: Any) -> None:
        super().__init__(*given)
        settings = KafkaSettings(topic_prefix=topic_prefix, partitions=PARTITIONS)
        self._place |= {"event_log": kafka.url, "kafka": settings}

    async def open(self) -> None:
        is_new = self._app is None
        await super().open()
        if is_new:
            for topic in self._worker.topics:
                topic.subscriber._connection_args |= SOON

    def _wake(self) -> None:
        self._worker._timers.wake()

    @property
    def _worker(self) -> KafkaWorker:
        assert self._app is not None
        assert isinstance(self._app.worker, KafkaWorker)
        return self._app.worker


class KafkaUnfinished(Unfinished):
    """A shard is read when the place in the store is where its partition ends."""

    source = SOURCE

    def __init__(self, url: str, prefix: str, access: Access) -> None:
        super().__init__(url, prefix, SHARDS)
        self._prefix = prefix
        self._partitions = {
            shard: TopicPartition(access.topic(shard.topic), shard.partition) for shard in SHARDS
        }
        self._consumer = AIOKafkaConsumer(**access.client(), **SOON)

    async def start(self) -> None:
        """The installation is one that has decided all there is in the topics."""
        await self._consumer.start()
        for shard, end in (await self._ends()).items():
            await self._client.hset(Keys(self._prefix).of(shard).off, SOURCE, str(end))  # type: ignore[misc]

    async def close(self) -> None:
        await self._consumer.stop()
        await super().close()

    async def _ends(self) -> dict[Shard, int]:
        ends = await self._consumer.end_offsets(list(self._partitions.values()))
        return {shard: ends[partition] for shard, partition in self._partitions.items()}

    async def _unread(self, places: Sequence[tuple[Shard, str, str]]) -> list[str]:
        """Kafka is asked after the store: what is published in between is a record that the store has not read."""
        ends = await self._ends()
        return [
            f"{shard} is read to {read_to}, and ends at {ends[shard]}"
            for shard, read_to, _ in places
            if not has_read(read_to, str(ends[shard]))
        ]


def whole_on_kafka(
    kafka: KafkaServer, topic_prefix: str, url: str, prefix: str, templates: Templates
) -> Build:
    """The stage on `kafka` and the server at `url`; nobody else has these topics, nor the keys under `prefix`."""

    @asynccontextmanager
    async def build(settings: Settings, now: datetime) -> AsyncIterator[Stage]:
        access = Access(kafka.servers, topic_prefix, PARTITIONS)
        await ensure_topics(access, TOPICS)
        with tempfile.TemporaryDirectory() as folder:
            unfinished = KafkaUnfinished(url, prefix, access)
            where = (settings, templates, url, prefix, Path(folder), now)
            installation = KafkaInstallation(kafka, topic_prefix, *where)
            try:
                await unfinished.start()
                await installation.open()
                yield WholeStage(installation, unfinished, now, SHARDS)
            finally:
                await installation.end()
                await unfinished.close()

    return build
