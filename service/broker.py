"""Every topic on one page, and the one way to publish to it.

A topic's partition is computed from the subject id in the data, never from a record's own key: producers hash keys
differently. This module must not know a store; the log behind it is passed in by `app.py`.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from service.core.events import TOPICS
from service.core.ids import partition_of, split_subject

# One machine: four shards a topic keep two cores busy and cost nothing when idle. Fixed once a topic exists.
PARTITIONS = 4


class Publication(NamedTuple):
    """One event to publish: its topic, its subject key (`deadline/c1`) and the structured CloudEvent's bytes."""

    topic: str
    subject: str
    value: bytes


Append = Callable[
    [list[tuple[str, int, bytes]]], Awaitable[None]
]  # (topic, partition, value); returns when durable


class Broker:
    """Publishes events; returns only when the log has them durably, raises what the log raises otherwise."""

    topics = TOPICS

    def __init__(self, append: Append, partitions: int = PARTITIONS) -> None:
        self._append, self.partitions = append, partitions

    def partition(self, subject: str) -> int:
        return partition_of(split_subject(subject)[1], self.partitions)

    async def publish(self, publications: list[Publication]) -> None:
        """All of them or none."""
        await self._append([(p.topic, self.partition(p.subject), p.value) for p in publications])
