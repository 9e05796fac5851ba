"""All that is stored or sent, one value of each, with the functions that write and read it in service.

What is new in `EVENTS`, or in a struct that is stored, is here by itself; a new kind of thing is one line of WIRE.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_args
from unittest import mock

import msgspec
from aiokafka import ConsumerRecord

from service.broker import Placed
from service.broker.kafka import Access, KafkaLog
from service.channels.slack_places import Place
from service.consumers.kafka_records import read_record
from service.core import effects
from service.core.effects import Dead, Emit, LogEntry, Owed, encode_effect
from service.core.envelope import admit, decode, encode_internal
from service.core.events import EVENTS, INTERNAL, Data
from service.core.model import State, decode_state, encode_state
from service.messages import links, templates
from service.store.contract import Shard
from tests.wire.filled import AT, filled, plain

Headers = list[tuple[str, bytes]]
SIGNING_KEY = "a signing key of the wire's tests, never used"


class Sample(NamedTuple):
    """`write` is called without anything: it makes the bytes of its own value."""

    write: Callable[[], bytes]
    read: Callable[[bytes], Any]


def _states() -> Iterator[tuple[str, Sample]]:
    for kind in get_args(State):
        name = f"state.{kind.__name__.lower()}"
        yield name, Sample(lambda kind=kind: encode_state(filled(kind)), decode_state)


def _effects() -> Iterator[tuple[str, Sample]]:
    readers = {
        Emit: effects.decode_emit,
        Owed: effects.decode_owed,
        Dead: effects.decode_dead,
        LogEntry: effects.decode_log,
    }
    for kind, read in readers.items():
        name = f"effect.{kind.__name__.lower()}"
        yield name, Sample(lambda kind=kind: encode_effect(filled(kind)), read)


def _events() -> Iterator[tuple[str, Sample]]:
    """As they lie in the log, a Kafka record's value and a stream entry's alike."""
    for kind in EVENTS:
        write = _internal if kind in INTERNAL else _admitted
        yield f"event.{kind}", Sample(lambda kind=kind, write=write: write(kind, "_at"), _event)
        if any(name.endswith("_on") for name in _data(kind)):
            yield f"event.{kind}.on-a-day", Sample(lambda kind=kind: _admitted(kind, "_on"), _event)


def _data(kind: str) -> dict[str, Any]:
    data = EVENTS[kind].data
    assert data is not None
    found = plain(filled(data))
    assert isinstance(found, dict)
    return found | ({"subject_id": "deal/d ü"} if "subject_id" in found else {})


def _admitted(kind: str, dated: str) -> bytes:
    """A moment is said in one of two ways: by an instant, or by a day."""
    data = _data(kind)
    for name in list(data):
        stem, _, end = name.rpartition("_")
        if f"_{end}" in ("_at", "_on") and f"_{end}" != dated and f"{stem}{dated}" in data:
            del data[name]
    attributes = {"id": "event ü", "source": "tests/wire", "type": kind, "specversion": "1.0", "data": data}
    # The filled texts are no zones, addresses or ids of people; the bytes are what matters here, and logs have such.
    with mock.patch("service.core.envelope.refuse_impossible"):
        return admit({**attributes, "time": "2026-03-02T10:00:00+01:00", "import": True}, AT)[1]


def _internal(kind: str, _: str) -> bytes:
    data = EVENTS[kind].data
    assert data is not None
    emit: Emit = filled(Emit)
    return encode_internal(msgspec.structs.replace(emit, type=kind, data=msgspec.json.encode(filled(data))))


def _event(raw: bytes) -> object:
    return decode(raw, AT, trusted=True)


def _link() -> bytes:
    """The token of a message: it is in people's mailboxes for months."""
    owed = msgspec.structs.replace(filled(Owed), facts={"moment": "close"})
    return links.Links([SIGNING_KEY], "http://here").token(owed, ("open", "done")).encode()


def _read_link(raw: bytes) -> object:
    return links.Links([SIGNING_KEY], "http://here").read(raw.decode(), AT)


class _Producer:
    """Keeps what it is given."""

    async def send(self, topic: str, value: bytes, key: bytes, partition: int, headers: Headers) -> None:
        named = [[name, text.decode()] for name, text in headers]
        self.sent = [topic, partition, key.decode(), value.decode(), named]


def _record() -> bytes:
    """A Kafka record as our producer sends it: key, partition and headers beside the value."""
    producer = _Producer()
    placed = Placed("deals", 0, "1", _admitted("deal.won", "_at"), "deals.1@17")
    asyncio.run(KafkaLog(Access(("nowhere:9092",)))._send(producer, placed))  # type: ignore[arg-type]
    return json.dumps(producer.sent, ensure_ascii=False).encode()


def _read_record(raw: bytes) -> object:
    topic, partition, key, value, headers = json.loads(raw)
    named = [(name, text.encode()) for name, text in headers]
    sizes = (len(key), len(value.encode()))
    record = ConsumerRecord(topic, partition, 5, 0, 0, key.encode(), value.encode(), None, *sizes, named)
    found = read_record(record, Shard(topic, partition), 1, AT, lambda _: None)
    return [found.event, found.origin, found.after]


WIRE: dict[str, Sample] = {
    **dict(_states()),
    **dict(_effects()),
    **dict(_events()),
    "kafka.record": Sample(_record, _read_record),
    "pinned.template": Sample(
        lambda: filled(templates._Bundle).encode(),
        lambda raw: msgspec.json.decode(raw, type=templates._Bundle),
    ),
    "link": Sample(_link, _read_link),
    "kept.slack-place": Sample(
        lambda: msgspec.msgpack.encode(filled(Place)), lambda raw: msgspec.msgpack.decode(raw, type=Place)
    ),
}


def stored_structs() -> set[type[msgspec.Struct]]:
    """Every struct that goes into the store or a topic: arrays are made for nothing else, and the data of events."""
    found, waiting = set[type[msgspec.Struct]](), list(msgspec.Struct.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("service.") and kind.__struct_config__.array_like:
            found.add(kind)
    return found | {kind.data for kind in EVENTS.values() if kind.data is not None and kind.data is not Data}
