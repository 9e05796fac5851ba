"""From a record of the log to an event the engine takes, and from an emit to a record.

What cannot be read keeps its bytes and its reason.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from service.broker import Broker, Publication
from service.core.effects import decode_emit
from service.core.envelope import decode, encode_internal
from service.core.errors import BadEvent
from service.core.events import Data, Event
from service.core.payload import people_of
from service.engine import Input
from service.store.contract import Record
from service.telemetry.metrics import Metrics

IdOfEmail = Callable[[str], str | None]


def read(record: Record, received_at: datetime, id_of_email: IdOfEmail) -> Input:
    """The event in `record`. The log is trusted no more than the door: whoever reaches it may write anything.

    `received_at` is when the log took it; a record that came by the door says itself when the door did."""
    try:
        event = decode(record.value, received_at, trusted=True)
        return Input(record.position, record.value, with_people(event, id_of_email))
    except BadEvent as error:
        return Input(record.position, record.value, None, error)


def publication(raw: bytes) -> Publication:
    """What a shard decided for another one, as it goes into the log: an internal event, or a record forwarded as is."""
    emit = decode_emit(raw)
    if emit.origin:
        return Publication(emit.topic, emit.subject, emit.data, emit.origin)
    return Publication(emit.topic, emit.subject, encode_internal(emit))


async def publish_all(broker: Broker, raws: list[bytes], metrics: Metrics) -> None:
    """Move what a shard decided for others into the log."""
    publications = [publication(raw) for raw in raws]
    await broker.publish(publications)
    for one in publications:
        metrics.emits_published.labels(one.topic).inc()


def received(position: str) -> datetime:
    """When the log took the record, by the server's own clock: the milliseconds its position begins with."""
    return datetime.fromtimestamp(int(position.partition("-")[0]) / 1000, UTC)


def with_people(event: Event, id_of_email: IdOfEmail) -> Event:
    """The event with every e-mail address that names a person replaced by the person's id: it is resolved here."""
    data = event.data
    if data is None:
        return event
    changes = {name: found for name in people_of(type(data)) if (found := _person(data, name, id_of_email))}
    return msgspec.structs.replace(event, data=msgspec.structs.replace(data, **changes)) if changes else event


def _person(data: Data, field: str, id_of_email: IdOfEmail) -> str | None:
    value = getattr(data, field)
    return id_of_email(value) if isinstance(value, str) and "@" in value else None
