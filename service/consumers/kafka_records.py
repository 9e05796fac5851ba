"""From a Kafka record to an event the engine takes: structured, binary, or another producer's, on any partition."""

from collections.abc import Mapping
from datetime import UTC, datetime

from aiokafka import ConsumerRecord

from service.broker.kafka import ADMITTED, ORIGIN
from service.consumers.reading import IdOfEmail, with_people
from service.core.envelope import admit, decode, read
from service.core.errors import BadEvent
from service.core.ids import partition_of, split_subject
from service.core.strict_json import parse
from service.engine import Input
from service.store.contract import Shard

_LOG_APPEND_TIME = 1


def read_record(
    record: ConsumerRecord, shard: Shard, partitions: int, now: datetime, id_of_email: IdOfEmail
) -> Input:
    """The event in `record`; what belongs to another partition says so by `forward`, its bytes for there."""
    position, value, after = str(record.offset), record.value or b"", str(record.offset + 1)
    try:
        ours, received_at, origin = dict(record.headers), _received(record, now), ""
        if ADMITTED in ours:
            event, normal = decode(value, received_at, trusted=True), value
            origin = _headers(record).get(ORIGIN, "") if ORIGIN in ours else ""
        else:
            event, normal = admit(_attributes(_headers(record), value), received_at, id_of_email)
        if event.topic != shard.topic or not _is_here(event.subject, shard, partitions):
            return Input(position, value, event, forward=normal, after=after)
        return Input(position, value, with_people(event, id_of_email), origin=origin, after=after)
    except BadEvent as error:
        return Input(position, value, None, error, after=after)


def _is_here(subject: str, shard: Shard, partitions: int) -> bool:
    return partition_of(split_subject(subject)[1], partitions) == shard.partition


def _received(record: ConsumerRecord, now: datetime) -> datetime:
    """The broker's time where the topic keeps it; a producer's own claim is believed only about the past."""
    if record.timestamp < 0:  # none was given
        return now
    try:
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return now
    return at if record.timestamp_type == _LOG_APPEND_TIME else min(at, now)


def _headers(record: ConsumerRecord) -> dict[str, str]:
    found = {}
    for name, value in record.headers:
        try:
            found[name.lower()] = (value or b"").decode()
        except UnicodeDecodeError:
            if name.lower().startswith("ce_"):
                raise BadEvent("invalid_value", f"the header {name} is not UTF-8", "/") from None
    return found


def _attributes(headers: Mapping[str, str], value: bytes) -> object:
    """A structured event's JSON; or the binary mode's attributes, each in a `ce_` header, with the value as data."""
    named: dict[str, object] = {
        name.removeprefix("ce_"): text for name, text in headers.items() if name.startswith("ce_")
    }
    if not named:
        return read(value)
    content = headers.get("content-type")
    if content is not None:
        named["datacontenttype"] = content
    if value:
        named["data"] = parse(value)
    return named
