"""Instants and dates as senders write them: RFC 3339, always with an offset, within ten years of now.

Everything inside is aware, UTC and cut to milliseconds. A wrong one is refused with the mistake it probably is.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone

from service.core.errors import BadEvent
from service.core.strict_json import quoted

# Nobody promises further ahead, and an older history than this is an archive (safety rules, bad input).
WINDOW = timedelta(days=3653)
EXAMPLE = "2026-11-24T16:00:00Z"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LONG_YEAR = re.compile(r"[+-]?\d{5,}-\d\d-\d\d", re.ASCII)


def read_instant(value: object, pointer: str, now: datetime) -> datetime:
    """The instant in `value`; BadEvent names the field, and what to write instead."""
    if not isinstance(value, str):
        raise BadEvent(
            "wrong_type", f"write an instant as text, like {EXAMPLE}{_epoch_hint(value, now)}", pointer
        )
    found = _INSTANT.fullmatch(value)
    if found is None:
        raise _not_an_instant(value, pointer)
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if found[8] is None:
        detail = f"{quoted(value)} has no offset; write Z or +01:00 after it, as in {EXAMPLE}"
        raise BadEvent("naive_time", detail, pointer)
    # A leap second is the next second; 24:00 is the next day's 00:00 (ISO 8601). datetime knows neither.
    carry = timedelta(
        seconds=second == 60, days=hour == 24 and minute == second == 0 and not int(found[7] or 0)
    )
    second, hour = second - (second == 60), hour - 24 * bool(carry.days)
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=_zone(found[8]))
        at = (local + carry).astimezone(UTC) + timedelta(
            milliseconds=int((found[7] or "0")[:3].ljust(3, "0"))
        )
    except (ValueError, OverflowError):
        raise BadEvent("invalid_time", f"{quoted(value)} does not exist", pointer) from None
    return within_window(at, value, pointer, now)


def read_date(value: object, pointer: str, now: datetime) -> date:
    """The date in `value`; an instant is refused, because whose day it is would be a guess."""
    if not isinstance(value, str):
        raise BadEvent("wrong_type", "write a date as text, like 2026-11-24", pointer)
    if not _DATE.fullmatch(value):
        hint = "; an instant belongs into due_at" if _INSTANT.fullmatch(value) else ""
        raise BadEvent("invalid_date", f"{quoted(value)} is not a date like 2026-11-24{hint}", pointer)
    try:
        day = date.fromisoformat(value)
        within_window(datetime(day.year, day.month, day.day, tzinfo=UTC), value, pointer, now)
    except ValueError as error:
        if isinstance(error, BadEvent):
            raise
        raise BadEvent("invalid_date", f"{quoted(value)} does not exist", pointer) from None
    return day


def within_window(at: datetime, value: object, pointer: str, now: datetime) -> datetime:
    """`at` itself, when it is near enough to be meant."""
    if abs(at - now) <= WINDOW:
        return at
    hint = ""
    if at.year == 1970 and abs(_EPOCH + (at - _EPOCH) * 1000 - now) <= WINDOW:
        hint = "; it looks like seconds read as milliseconds"
    detail = f"{quoted(value)} is more than ten years away{hint}"
    raise BadEvent("time_out_of_range", detail, pointer)


def _zone(offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[-2:])
    if int(offset[-2:]) > 59:
        raise ValueError(offset)
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _not_an_instant(value: str, pointer: str) -> BadEvent:
    if _LONG_YEAR.match(value):
        detail = f"{quoted(value)} is more than ten years away; it looks like milliseconds read as seconds"
        return BadEvent("time_out_of_range", detail, pointer)
    hint = ""
    if _DATE.fullmatch(value):
        field = pointer.rpartition("/")[2]
        is_pair = field in ("due_at", "close_at")
        hint = f"; a date without a time belongs into {field[:-2]}on" if is_pair else "; its time is missing"
    return BadEvent("invalid_time", f"{quoted(value)} is not an instant like {EXAMPLE}{hint}", pointer)


def _epoch_hint(value: object, now: datetime) -> str:
    """What a number would be, read as seconds or as milliseconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    for unit, per_second in (("seconds", 1), ("milliseconds", 1000)):
        if abs(value / per_second - (now - _EPOCH).total_seconds()) <= WINDOW.total_seconds():
            at = _EPOCH + timedelta(seconds=value // per_second)
            return f"; {value} looks like {unit} since 1970, which is {at:%Y-%m-%dT%H:%M:%SZ}"
    return ""
