"""Every topic on one page, and the one way to publish to it.

A topic's partition is computed from the subject id in the data, never from a record's own key: producers hash keys
differently. This module must not know where the log lies; `kafka.py` is one such place, the store's streams another.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from service.core.events import TOPICS
from service.core.ids import partition_of, split_subject
from service.settings.service import STREAMS


class Publication(NamedTuple):
    """One event to publish: its topic, its subject key (`deadline/c1`) and the structured CloudEvent's bytes.

    `origin`: where a record lay that came to the wrong partition, as `deals.3@17`; empty for every other event.
    """

    topic: str
    subject: str
    value: bytes
    origin: str = ""


class Placed(NamedTuple):
    """A publication with its partition and the record's key, the bare subject id."""

    topic: str
    partition: int
    key: str
    value: bytes
    origin: str = ""


Append = Callable[[list[Placed]], Awaitable[None]]  # returns when the log has them durably


class Broker:
    """Publishes events; returns only when the log has them durably, raises what the log raises otherwise."""

    topics = TOPICS

    def __init__(self, append: Append, partitions: int = STREAMS) -> None:
        self._append, self.partitions = append, partitions

    def partition(self, subject: str) -> int:
        return partition_of(split_subject(subject)[1], self.partitions)

    async def publish(self, publications: list[Publication]) -> None:
        """In their order. On one machine all of them or none; on Kafka perhaps some, when it raises."""
        placed = []
        for topic, subject, value, origin in publications:
            key = split_subject(subject)[1]
            placed.append(Placed(topic, partition_of(key, self.partitions), key, value, origin))
        await self._append(placed)
