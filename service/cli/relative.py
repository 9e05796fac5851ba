"""Instants as people type them: `+20s`, `-5m`, `4h`, `+1d`, `Sat 08:00`. Only for `emit`; the log has real instants.

An event's `time` counts from now, its other instants from that `time`. What no relative instant is stays as it came:
`core/instants.py` judges it.
"""

import re
from datetime import UTC, datetime, timedelta

from service.core.errors import BadEvent
from service.core.events import EVENTS
from service.core.instants import read_instant, within_window
from service.core.payload import shape_of
from service.core.strict_json import quoted
from service.core.view import iso

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DISTANCE = re.compile(r"(?P<sign>[+-]?)(?P<number>\d{1,9}(?:\.\d{1,3})?)(?P<unit>[smhdw])", re.ASCII)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NEXT = re.compile(r"(?P<day>[A-Za-z]{3}) (?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)", re.ASCII)
# Of types we do not know yet: names that hold an instant by the habits of our events.
_INSTANT_NAMES = frozenset({"at", "until"})


def absolute(attributes: dict[str, object], now: datetime) -> dict[str, object]:
    """The event with every relative instant replaced; `time` is `now` where it is missing.

    `now` is aware; `Sat 08:00` is the next such moment in its zone. Raises BadEvent for one out of all bounds.
    """
    given = attributes.get("time")
    time = now if given is None else resolve(given, now, "/time")
    found = {**attributes, "time": _written(time)}
    data = attributes.get("data")
    if isinstance(data, dict):
        since = time if isinstance(time, datetime) else read_or(time, now)
        names = _instants(attributes.get("type"), data)
        found["data"] = {
            name: _written(resolve(value, since, f"/data/{name}")) if name in names else value
            for name, value in data.items()
        }
    return found


def resolve(value: object, since: datetime, pointer: str) -> object:
    """A datetime when `value` is a relative instant, else `value` itself."""
    if not isinstance(value, str):
        return value
    try:
        if distance := _DISTANCE.fullmatch(value):
            seconds = float(distance["number"]) * _SECONDS[distance["unit"]]
            at = since + timedelta(seconds=-seconds if distance["sign"] == "-" else seconds)
            return within_window(at, value, pointer, since)
        if (moment := _NEXT.fullmatch(value)) and moment["day"].lower() in _DAYS:
            return _next(moment, since)
    except OverflowError:
        raise BadEvent("time_out_of_range", f"{quoted(value)} is more than ten years away", pointer) from None
    return value


def read_or(value: object, instead: datetime) -> datetime:
    """The absolute instant in `value`; `instead` when it is none, which the envelope will report."""
    try:
        return read_instant(value, "/time", instead).astimezone(instead.tzinfo)
    except BadEvent:
        return instead


def _next(moment: re.Match[str], since: datetime) -> datetime:
    wall = since.replace(hour=int(moment["hour"]), minute=int(moment["minute"]), second=0, microsecond=0)
    days = (_DAYS.index(moment["day"].lower()) - since.weekday()) % 7
    found = wall + timedelta(days=days)
    return found if found > since else found + timedelta(days=7)


def _instants(event_type: object, data: dict[str, object]) -> set[str]:
    kind = EVENTS.get(event_type) if isinstance(event_type, str) else None
    if kind is not None and kind.data is not None:
        return {name for name, shape in shape_of(kind.data).items() if shape.kind == "instant"}
    return {name for name in data if name.endswith("_at") or name in _INSTANT_NAMES}


def _written(value: object) -> object:
    return iso(value.astimezone(UTC)) if isinstance(value, datetime) else value
