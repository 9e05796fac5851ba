"""A cell of a spreadsheet as a value of ours; what could mean two things is refused, with both.

`where` is our field, which the caller replaces by the name of the column.
"""

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from service.core.errors import BadEvent
from service.core.strict_json import quoted
from service.core.view import iso

_SPACES = re.compile("['\\s\u00a0\u202f]")
_CURRENCY = re.compile(r"^[^\d.,-]{1,4}|[^\d.,]{1,4}$")
_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_CONTINENTAL = re.compile(r"-?(\d+,\d{1,2}|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,})", re.ASCII)
_EITHER = re.compile(r"-?\d{1,3}\.\d{3}", re.ASCII)
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ].*)?", re.ASCII)
_WALL = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?", re.ASCII)
_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*([Zz]|[+-]\d\d:?\d\d)", re.ASCII)
# An end of which only the day is known lies at noon in its zone.
_NOON = time(12)


def as_amount(text: str, where: str) -> str:
    """Money as decimal text: `1234.5`, `1,234.50`, `1.234,50 €`, `$ 1 234`."""
    number = _CURRENCY.sub("", _SPACES.sub("", text))
    if _EITHER.fullmatch(number):
        other = number.replace(".", "")
        detail = f"{quoted(text)} could be {number}0 or {other}; write it as in 1234.50"
        raise BadEvent("invalid_value", detail, where)
    if _PLAIN.fullmatch(number):
        return number
    if _GROUPED.fullmatch(number):
        return number.replace(",", "")
    if _CONTINENTAL.fullmatch(number):
        return number.replace(".", "").replace(",", ".")
    raise BadEvent("invalid_value", f"{quoted(text)} is no amount; write it as in 1234.50", where)


def as_day(text: str, where: str) -> str:
    """A date, or the date of a time as it is written."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise BadEvent("invalid_date", f"{quoted(text)} is no date; write it as in 2026-11-24", where)
    return found[1]


def as_instant(text: str, where: str, zone: ZoneInfo) -> str:
    """A time as RFC 3339; one without an offset is a wall clock's in `zone`. Nothing for nothing."""
    if not text or _OFFSET.fullmatch(text):
        return text
    try:
        if _WALL.fullmatch(text):
            at = datetime.fromisoformat(text.replace(" ", "T").upper())
        else:
            at = datetime.combine(date.fromisoformat(as_day(text, where)), _NOON)
        return str(iso(at.replace(tzinfo=zone).astimezone(UTC)))
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadEvent):
            raise
        raise BadEvent("invalid_time", f"{quoted(text)} does not exist", where) from None
