"""Which topic it is that bears a name: Kafka gives each one an id when it is made, and a new one when it is made again.

aiokafka speaks Metadata up to version 5; the id comes with version 10 (Kafka 2.8). Its layout is below, word for word
from Kafka's MetadataRequest.json and MetadataResponse.json.
"""

from io import BytesIO
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IncompatibleBrokerVersion, UnknownTopicOrPartitionError
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_NO_ID = bytes(16)


async def topic_id(consumer: AIOKafkaConsumer, name: str) -> str | None:
    """The id of the topic, "" where Kafka is too old to have ids; None when there is no such topic."""
    client = consumer._client  # noqa: SLF001 - A client of our own would need its connections for one question.
    try:
        answer = await client.send(client.get_random_node(), _Metadata(name))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return ""
    [(error, _, found, *_)] = answer.topics
    if error == UnknownTopicOrPartitionError.errno:
        return None
    if (
        consumer.partitions_for_topic(name) is None
    ):  # it is here again; the consumer would ask in five minutes
        client.force_metadata_update()
    return "" if error or found == _NO_ID else found.hex()


class _Uuid(AbstractType):  # type: ignore[misc]  # aiokafka has no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


_NAME, _TAGS = CompactString("utf-8"), ("tags", TaggedFields)


class _MetadataResponseV10(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", _NAME), ("port", Int32), ("rack", _NAME), _TAGS),
        ),
        ("cluster_id", _NAME),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _NAME),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _TAGS,
                    ),
                ),
                ("topic_authorized_operations", Int32),
                _TAGS,
            ),
        ),
        ("cluster_authorized_operations", Int32),
        _TAGS,
    )


class _MetadataRequestV10(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponseV10
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _NAME), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


class _Metadata(Request[_MetadataRequestV10]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3

    def __init__(self, name: str) -> None:
        self._topic = (_NO_ID, name, dict[int, bytes]())

    def build(self, request_struct_class: type[Any]) -> Any:
        return request_struct_class([self._topic], False, False, False, {})
