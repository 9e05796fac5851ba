"""A value of any type of the wire with every field set, and nothing at its default: made from the type itself."""

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from msgspec import inspect as shapes

from service.core.model import Commitment

AT = datetime(2026, 3, 2, 9, 30, 15, 123_000, UTC)
# Text that must match a pattern of events.py.
_MATCHES = {
    "^[0-9]{4}-W[0-9]{2}$": "2026-W47",
    r"^-?[0-9]{1,18}(\.[0-9]{1,6})?$": "1234.50",
    "^[A-Z]{3}$": "EUR",
    "^(low|normal|high)$": "high",
    "^(none|([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])$": "20:00-08:00",
    "^[A-Za-z0-9_-]{1,60}$": "email",
    "^(link|slack|web|cli|api)$": "link",
}
# Read, and no longer written.
UNWRITTEN = {(Commitment, "escalated")}


# What has no parts, by its name.
_PLAIN: dict[type[shapes.Type], Callable[[str], Any]] = {
    shapes.IntType: lambda name: 2 + len(name) % 3,
    shapes.BoolType: lambda _: True,
    shapes.BytesType: lambda name: f"\x00\x7f{name}".encode(),
    shapes.DateTimeType: lambda name: AT + timedelta(hours=len(name)),
    shapes.DateType: lambda name: date(2026, 3, len(name)),
    shapes.TimeDeltaType: lambda _: timedelta(minutes=90, milliseconds=5),
    shapes.CustomType: lambda name: {"text": f"{name} ü", "number": 7, "list": [True, None]},  # any object
}


def filled(kind: Any, name: str = "value") -> Any:
    """Equal types give equal values. `name` goes into texts, so that no field can be taken for another."""
    return _value(shapes.type_info(kind), name)


def _value(kind: shapes.Type, name: str) -> Any:
    match kind:
        case shapes.StructType():
            fields = [one for one in kind.fields if (kind.cls, one.name) not in UNWRITTEN]
            return kind.cls(**{one.name: _value(one.type, one.name) for one in fields})
        case shapes.UnionType():
            return _value(next(one for one in kind.types if not isinstance(one, shapes.NoneType)), name)
        case shapes.StrType():
            return _MATCHES[kind.pattern] if kind.pattern else f"{name} ü"
        case shapes.ListType():
            return [_value(kind.item_type, name)]
        case shapes.VarTupleType():
            return (_value(kind.item_type, name),)
        case shapes.TupleType():
            return tuple(_value(one, f"{name}{place}") for place, one in enumerate(kind.item_types))
        case shapes.DictType():
            return {_value(kind.key_type, f"{name} key"): _value(kind.value_type, f"{name} of it")}
    assert type(kind) in _PLAIN, f"nobody has said how a {kind} is filled: add it above"
    return _PLAIN[type(kind)](name)


def plain(value: Any) -> Any:
    """A value as JSON has it, every struct by the names of its fields."""
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        named = {on_the_wire: getattr(value, one) for one, on_the_wire in names}
        return {one: plain(found) for one, found in named.items() if found is not msgspec.UNSET}
    if isinstance(value, dict):
        return {str(key): plain(found) for key, found in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return msgspec.to_builtins(value)
