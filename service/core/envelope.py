"""The envelope around an event: CloudEvents 1.0 in, an `Event` out, or a BadEvent that says what to write instead.

Three ways in. `admit`: attributes from outside, checked in full; gives the event and the bytes for the log.
`decode(raw)`: the same from JSON. `decode(raw, trusted=True)`: from our own log, where `admit` or `encode_internal`
wrote it; fast, and still never raises anything but BadEvent. The rules for the fields of `data` are in `payload.py`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from service.core.effects import Emit
from service.core.errors import BadEvent
from service.core.events import EVENTS, INTERNAL, TOPIC_OF_FAMILY, Data, Event
from service.core.ids import split_subject, subject_key
from service.core.instants import read_instant
from service.core.nearest import nearest
from service.core.payload import clean_data, flag, identifier, payload_problem, read_payload
from service.core.personal import refuse_slips
from service.core.plain_text import is_clean
from service.core.strict_json import inspect, parse, quoted
from service.core.view import iso
from service.core.wishes import IdOfEmail, refuse_impossible

# CloudEvents 1.0, "Size Limits": intermediaries must forward 64 KiB, and need not forward more.
EVENT_BYTES_MAX = 64 * 1024
# `(source, id)` is remembered and logged; the specification sets no limit.
ATTRIBUTE_CHARS_MAX = 500
SOURCE = "followthrough"  # of what we publish ourselves

_REQUIRED = {
    "id": "an id that you never use twice for one source",
    "source": "where it happened, as in crm/pipedrive",
    "type": "what happened, as in deadline.set",
    "specversion": '"1.0"',
}
_OURS = ("effectkey", "receivedat", "import")  # extensions that only we write into the log
_FAMILY_UNKNOWN = "unknown"
_ANSWERED = frozenset({"checkin", "deadline", "deal", "goal", "reward", "roadblock"})  # what people promise
_encode = msgspec.json.Encoder(order="sorted").encode


class _Wire(Struct, kw_only=True, frozen=True):
    """An event as `admit` and `encode_internal` write it."""

    id: str
    source: str
    type: str
    specversion: str
    time: datetime
    subject: str = ""
    receivedat: datetime | None = None
    effectkey: str = ""
    is_import: bool = field(default=False, name="import")
    data: Raw = Raw(b"")


_read_wire = msgspec.json.Decoder(_Wire).decode


def decode(raw: bytes, received_at: datetime, *, trusted: bool = False) -> Event:
    """The event in `raw`, one structured CloudEvent; raises BadEvent and nothing else.

    `trusted`: from our own log. Only there are internal types and effect keys believed; the search for keys given
    twice, and the cleaning of text, are left out because the door did both.
    """
    if trusted:
        return _from_log(raw, received_at)
    return admit(read(raw), received_at)[0]


def read(raw: bytes) -> object:
    """The JSON of one event from outside, for `admit` to inspect."""
    if len(raw) > EVENT_BYTES_MAX:
        raise _too_large()
    return parse(raw)


def normalise(attributes: Mapping[str, object], received_at: datetime) -> bytes:
    """One event as canonical structured JSON for the log. Checks it as `admit` does, and fills in only `time`."""
    return admit(attributes, received_at)[1]


def admit(
    attributes: object, received_at: datetime, id_of_email: IdOfEmail | None = None
) -> tuple[Event, bytes]:
    """An event from outside and its bytes for the log, or BadEvent.

    `attributes` is a structured CloudEvent as plain JSON types. Equal events give equal bytes, and the bytes read
    back are the same event. `id_of_email`: who has an address, where the event's own place follows from that.
    """
    inspect(attributes)
    if not isinstance(attributes, Mapping):
        raise BadEvent("wrong_type", "an event is one JSON object")
    _check_names(attributes)
    envelope: dict[str, object] = {
        name: value for name, value in attributes.items() if name not in _OURS and value is not None
    }
    envelope |= {name: _required(attributes, name) for name in _REQUIRED}
    _check_kind(envelope)
    if "subject" in envelope:
        envelope["subject"] = _attribute("subject", envelope["subject"])
    if "time" in envelope:
        envelope["time"] = iso(read_instant(envelope["time"], "/time", received_at))
    # The receipt is in the log, so that a replay decides with it; a `time` equal to it was not given by the sender.
    envelope["receivedat"] = iso(received_at.astimezone(UTC))
    envelope.setdefault("time", envelope["receivedat"])
    if _is_import(attributes):
        envelope["import"] = True
    data = _data(envelope)
    if data is not None:
        refuse_slips(str(envelope["type"]), data)
        envelope["data"] = cleaned = clean_data(str(envelope["type"]), data, received_at)
        if id_of_email is not None and EVENTS[str(envelope["type"])].id_field.startswith("person"):
            person = str(cleaned["person"])
            cleaned["person"] = (id_of_email(person) if "@" in person else None) or person
    raw = _encode(envelope)
    if len(raw) > EVENT_BYTES_MAX:
        raise _too_large()
    event = _from_log(raw, received_at)
    refuse_impossible(event, id_of_email)
    return event, raw


def encode_internal(emit: Emit) -> bytes:
    """An internal event for the log; `decode(…, trusted=True)` reads it back with its effect key."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": emit.key,
        "source": SOURCE,
        "type": emit.type,
        "subject": emit.subject,
        "time": iso(emit.time),
        "receivedat": iso(emit.time),
        "effectkey": emit.key,
        "data": Raw(emit.data),
    }
    return _encode(envelope)


def _from_log(raw: bytes, received_at: datetime) -> Event:
    try:
        wire = _read_wire(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise payload_problem(error, raw, "") from None
    if wire.specversion != "1.0":
        raise BadEvent("wrong_specversion", "specversion is not 1.0", "/specversion")
    received = wire.receivedat or received_at
    if wire.time.tzinfo is None or received.tzinfo is None:
        raise BadEvent("naive_time", "time or receivedat has no offset", "/time")
    kind = EVENTS.get(wire.type)
    data = read_payload(kind.data, wire.data) if kind is not None and kind.data is not None else None
    topic, subject = _place(wire, data)
    return Event(
        id=wire.id,
        source=wire.source,
        type=wire.type,
        time=_utc_ms(wire.time),
        received_at=_utc_ms(received),
        topic=topic,
        subject=subject,
        data=data,
        is_import=wire.is_import,
        effect_key=wire.effectkey,
    )


def _place(wire: _Wire, data: Data | None) -> tuple[str, str]:
    """Topic and subject key. An internal event names its subject itself; every other one by the id in its data."""
    kind = EVENTS.get(wire.type)
    if wire.effectkey:
        family, bare = split_subject(wire.subject)
        return TOPIC_OF_FAMILY.get(family, "deadlines"), subject_key(family, bare)
    if kind is None or data is None:
        family = wire.type.partition(".")[0]
        family = family if family in TOPIC_OF_FAMILY else _FAMILY_UNKNOWN
        return TOPIC_OF_FAMILY.get(family, "deadlines"), subject_key(family, wire.subject or wire.id)
    named = kind.only or ":".join([getattr(data, name) for name in kind.id_field.split(":")])
    if kind.family:
        return kind.topic, subject_key(kind.family, named)
    family, bare = answered_subject(named)
    return TOPIC_OF_FAMILY[family], subject_key(family, bare)


def answered_subject(named: str) -> tuple[str, str]:
    """Family and bare id of what an answer is about: `deal/1`, or a bare id, which is a deadline's."""
    family, bare = split_subject(named)
    if not bare or family not in TOPIC_OF_FAMILY:
        return "deadline", named
    if family not in _ANSWERED:
        detail = f"nobody answers {family}/…; name one of {', '.join(sorted(_ANSWERED))}, as in deal/1"
        raise BadEvent("invalid_value", detail, "/data/subject_id")
    return family, bare


def _check_names(attributes: Mapping[str, object]) -> None:
    for name in attributes:
        if name != name.lower():
            raise BadEvent("attribute_name", f"{quoted(name)} is written {quoted(name.lower())}", f"/{name}")
    if attributes.get("data_base64") is not None:
        raise BadEvent("invalid_value", "the data of our events is JSON; send it as `data`", "/data_base64")


def _required(attributes: Mapping[str, object], name: str) -> str:
    value = attributes.get(name)
    if value is None:
        near = nearest(
            name, [key for key in attributes if key not in (*_REQUIRED, "time", "data", "subject")]
        )
        detail = f"the attribute {name} is missing{near}: {_REQUIRED[name]}"
        raise BadEvent("missing_attribute", detail, f"/{name}")
    return _attribute(name, value)


def _attribute(name: str, value: object) -> str:
    text = identifier(value, f"/{name}")
    if not text.strip() or not is_clean(text):
        raise BadEvent("invalid_value", f"{name} must be visible text without control characters", f"/{name}")
    if len(text) > ATTRIBUTE_CHARS_MAX:
        raise BadEvent("too_long", f"{name} may have {ATTRIBUTE_CHARS_MAX} characters", f"/{name}")
    return text


def _check_kind(envelope: Mapping[str, object]) -> None:
    if envelope["specversion"] != "1.0":
        detail = f"specversion is {quoted(envelope['specversion'])}; we read CloudEvents 1.0"
        raise BadEvent("wrong_specversion", detail, "/specversion")
    if envelope["type"] in INTERNAL:
        raise BadEvent("internal_type", f"only the service itself publishes {envelope['type']}", "/type")
    content = envelope.get("datacontenttype")
    if content is not None:
        media = content.partition(";")[0].strip().lower() if isinstance(content, str) else ""
        if media != "application/json" and not media.endswith("+json"):
            raise BadEvent("invalid_value", "data is application/json, or left out here", "/datacontenttype")


def _is_import(attributes: Mapping[str, object]) -> bool:
    data = attributes.get("data")
    inner = data.get("import") if isinstance(data, Mapping) else None
    return flag(attributes.get("import"), "/import") or flag(inner, "/data/import")


def _data(envelope: Mapping[str, object]) -> Mapping[str, object] | None:
    """The data of a type we know; None for any other type, whose data we keep as it is."""
    kind = EVENTS.get(str(envelope["type"]))
    if kind is None or kind.data is None:
        return None
    data = envelope.get("data")
    if data is None:
        example = ", ".join(f'"{name}": "…"' for name in kind.id_field.split(":"))
        raise BadEvent(
            "missing_data", f"{envelope['type']} needs data, an object like {{{example}}}", "/data"
        )
    if not isinstance(data, Mapping):
        raise BadEvent("wrong_type", "data is one JSON object", "/data")
    return data


def _utc_ms(at: datetime) -> datetime:
    if at.tzinfo is UTC and not at.microsecond % 1000:  # as we write it
        return at
    utc = at.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _too_large() -> BadEvent:
    return BadEvent("too_large", f"one event may have {EVENT_BYTES_MAX // 1024} KiB", "", 413)
