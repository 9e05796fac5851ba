"""The `data` of an event: cleaned field by field as its type in `events.py` says, then read into that type.

What a field is follows from its annotation there: an id, one line, a body, an instant, a date. Nothing is listed
twice. Fields we do not know are kept as they came.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import msgspec
from msgspec import inspect as shapes

from service.core.errors import BadEvent
from service.core.events import EVENTS, MONEY, Data
from service.core.instants import read_date, read_instant
from service.core.nearest import nearest
from service.core.plain_text import body, one_line
from service.core.strict_json import pointer, quoted
from service.core.view import iso

_ID_CHARS_MAX = 200  # events.Id; a shorter text that must not be empty is an id, too
_DATES = (("due_at", "due_on"), ("close_at", "close_on"))  # one moment each, said in one of two ways
# Fields that name a person. Inside, `channel:email:x@y.example` is a recipient, too; only a policy may name such a one,
# else whoever sends events could have us write to strangers.
PEOPLE = ("owner", "by", "person", "helper", "helpers", "delegate", "manager", "mentor")
_NO_PERSON = "channel:"
# Types whose whole point is a date: one of the two must be there, if only as null (no date any more).
_NEED_A_DATE = frozenset({"deadline.set", "deadline.moved", "commitment.recommitted"})


class Shape(NamedTuple):
    """What `events.py` says of one field.

    `kind`: id, ids, line, lines, body, bodies, money, instant, date, or other.
    """

    kind: str
    is_required: bool
    takes_null: bool


@cache
def shape_of(data: type[Data]) -> dict[str, Shape]:
    """The fields of a type of data by their names on the wire."""
    info = shapes.type_info(data)
    assert isinstance(info, shapes.StructType)
    return {found.encode_name: _shape(found) for found in info.fields}


def _shape(found: shapes.Field) -> Shape:
    options = found.type.types if isinstance(found.type, shapes.UnionType) else (found.type,)
    return Shape(
        next((kind for option in options if (kind := _kind(option))), "other"),
        found.required,
        any(isinstance(option, shapes.NoneType) for option in options),
    )


def _kind(option: shapes.Type) -> str:
    if isinstance(option, shapes.DateTimeType):
        return "instant"
    if isinstance(option, shapes.DateType):
        return "date"
    if isinstance(option, shapes.ListType):
        return {"id": "ids", "line": "lines", "body": "bodies"}.get(_kind(option.item_type), "")
    if not isinstance(option, shapes.StrType):
        return ""
    if option.pattern == MONEY:
        return "money"
    if option.pattern:
        return "line"  # a word of a list; `$` in a pattern lets a newline after it pass
    if not option.min_length:
        return "body"
    return "id" if option.max_length and option.max_length <= _ID_CHARS_MAX else "line"


def clean_data(event_type: str, data: Mapping[str, object], now: datetime) -> dict[str, object]:
    """`data` of a known type as it goes to the log: ids are text, instants UTC, text clean, null optionals gone."""
    kind = EVENTS[event_type]
    assert kind.data is not None
    fields, cleaned = shape_of(kind.data), dict(data)
    for name, shape in fields.items():
        if name not in cleaned:
            if shape.is_required:
                raise _missing(name, cleaned, fields)
        elif cleaned[name] is None:
            _clear(name, shape, cleaned)
        else:
            cleaned[name] = _clean(cleaned[name], shape.kind, f"/data/{name}", now)
    for pair in _DATES:
        if pair[0] in fields:
            _check_dates(event_type, pair, cleaned, fields)
    return cleaned


def _clear(name: str, shape: Shape, cleaned: dict[str, object]) -> None:
    """Many senders write null for what they do not have; only a date means something by it."""
    if shape.is_required:
        raise BadEvent("missing_field", f"{name} is required and must not be null", f"/data/{name}")
    if not shape.takes_null:
        del cleaned[name]


def _clean(value: object, kind: str, where: str, now: datetime) -> object:
    if kind == "instant":
        return iso(read_instant(value, where, now))
    if kind == "date":
        return read_date(value, where, now).isoformat()
    if kind == "ids" and isinstance(value, list):
        return [one_line(identifier(item, f"{where}/{index}")) for index, item in enumerate(value)]
    if kind == "lines" and isinstance(value, list):
        return [one_line(item) if isinstance(item, str) else item for item in value]
    if kind == "bodies" and isinstance(value, list):
        return [body(item) if isinstance(item, str) else item for item in value]
    if kind == "id":
        value = identifier(value, where)
    if not isinstance(value, str):
        return value  # read_payload knows whether that is right
    if kind == "body":
        return body(value)
    return one_line(value) if kind in ("id", "line", "money") else value


def _check_dates(
    event_type: str, pair: tuple[str, str], cleaned: dict[str, object], fields: Mapping[str, Shape]
) -> None:
    given = [name for name in pair if cleaned.get(name) is not None]
    if len(given) == 2:
        raise BadEvent("both_dates", f"give {pair[0]} or {pair[1]}, not both", f"/data/{pair[1]}")
    if given:
        for name in set(pair) - set(given):
            cleaned.pop(name, None)
    elif event_type in _NEED_A_DATE and not any(name in cleaned for name in pair):
        raise _missing(pair[0], cleaned, fields, f" (or {pair[1]})")


def _missing(name: str, data: Mapping[str, object], fields: Mapping[str, Shape], more: str = "") -> BadEvent:
    near = nearest(name, [key for key in data if key not in fields]).replace("did you mean", "is it in")
    return BadEvent("missing_field", f"{name}{more} is required{near}", f"/data/{name}")


def identifier(value: object, where: str) -> str:
    """An id as text; senders number theirs as well."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadEvent("wrong_type", "write it as text or as a whole number", where)


def flag(value: object, where: str) -> bool:
    """A yes or no; headers have only text for it."""
    if value is None or value in (False, "false"):
        return False
    if value in (True, "true"):
        return True
    raise BadEvent("wrong_type", "write true or false", where)


def read_payload(data: type[Data], raw: bytes | msgspec.Raw) -> Data:
    """The typed data; BadEvent with the pointer of the field that is not as its type says."""
    try:
        found = _decoder(data)(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise payload_problem(error, bytes(raw), "/data") from None
    for name in people_of(data):
        named = getattr(found, name)
        for person in named if isinstance(named, list) else (named,):
            if isinstance(person, str) and person.startswith(_NO_PERSON):
                detail = f"{quoted(person)} is a channel; name a person here"
                raise BadEvent("invalid_value", detail, f"/data/{name}")
    changes: dict[str, datetime] = {}
    for attribute, name in _instants(data):
        at = getattr(found, attribute)
        if isinstance(at, datetime) and at.tzinfo is not UTC:
            if at.tzinfo is None:
                raise BadEvent("naive_time", f"{name} has no offset", f"/data/{name}")
            changes[attribute] = at.astimezone(UTC)
    return msgspec.structs.replace(found, **changes) if changes else found


@cache
def _decoder(data: type[Data]) -> Callable[[bytes | msgspec.Raw], Data]:
    return msgspec.json.Decoder(data).decode


@cache
def _instants(data: type[Data]) -> tuple[tuple[str, str], ...]:
    """In Python and on the wire: `from` is a word of the language."""
    info = shapes.type_info(data)
    assert isinstance(info, shapes.StructType)
    return tuple((one.name, one.encode_name) for one in info.fields if _shape(one).kind == "instant")


@cache
def people_of(data: type[Data]) -> tuple[str, ...]:
    """The fields of a type of data that name a person."""
    return tuple(name for name in PEOPLE if name in shape_of(data))


_PLACE = re.compile(r"(?s)(?P<text>.*?)(?: - at `\$(?P<path>[^`]*)`)?$")
_REQUIRED = re.compile(r"Object missing required field `(?P<name>.*)`")
_LENGTH = re.compile(r"Expected `(?:str|array|object)` of length (?P<op>[<>]=) (?P<limit>\d+)")
_PATTERNS = {
    "amount": ("money is decimal text", '"1200.50"'),
    "target": ("a target is decimal text", '"250000"'),
    "value": ("a number is decimal text", '"42.5"'),
    "period": ("a period is an ISO week", '"2026-W47"'),
    "quiet": ("quiet hours are two times of day", '"20:00-08:00", or "none"'),
    "channels": ("a channel is an entry of channels.yaml", '"email"'),
    "currency": ("a currency is its three letters of ISO 4217", '"EUR"'),
}
_CHOICE = re.compile(r"Expected `str` matching regex '\^\((?P<words>[^)]*)\)\$'")
_BOUND = re.compile(r"Expected `(?:int|float)` (?P<op>[<>]=) (?P<limit>\S+)")
_JSON_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
}


def payload_problem(error: Exception, raw: bytes, prefix: str) -> BadEvent:
    """What msgspec found wrong, in our words and with a JSON pointer."""
    if isinstance(error, RecursionError):
        return BadEvent("too_deep", "objects and lists lie too deep", prefix, 400)
    if not isinstance(error, msgspec.ValidationError):
        return BadEvent("invalid_json", str(error)[:200], prefix, 400)
    found = _PLACE.match(str(error))
    assert found is not None
    text, steps = found["text"], re.findall(r"[^.\[\]]+", found["path"] or "")
    where = prefix + pointer(*steps)
    if missing := _REQUIRED.match(text):
        return BadEvent("missing_field", f"{missing['name']} is required", where + pointer(missing["name"]))
    if length := _LENGTH.match(text):
        if length["op"] == "<=":
            return BadEvent("too_long", f"it may have {length['limit']} characters", where)
        return BadEvent("empty", "it must not be empty", where)
    if choice := _CHOICE.match(text):
        return _not_a_choice(choice["words"].split("|"), raw, steps, where)
    if pattern := _PATTERNS.get(steps[-1] if steps else ""):
        return BadEvent("invalid_value", f"{pattern[0]}; write it as in {pattern[1]}", where)
    if bound := _BOUND.match(text):
        limit = "at most" if bound["op"] == "<=" else "at least"
        return BadEvent("out_of_range", f"it is {limit} {bound['limit']}", where)
    words = re.sub(r"`([^`]*)`", lambda kind: _in_words(kind[1]), text)
    return BadEvent("wrong_type", words[:1].lower() + words[1:200], where)


def _in_words(names: str) -> str:
    return " or ".join(_JSON_NAMES.get(name, name) for name in names.split(" | "))


def _not_a_choice(words: list[str], raw: bytes, steps: list[str], where: str) -> BadEvent:
    value: object = msgspec.json.decode(raw)
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    near = nearest(str(value), words)
    return BadEvent("invalid_value", f"{quoted(value)} is none of {', '.join(words)}{near}", where)
