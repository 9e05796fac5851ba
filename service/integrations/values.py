"""A vendor's value as our field wants it: ids and money as text, instants as RFC 3339, what is empty as nothing.

Only what has one meaning is changed; anything else goes on as it is, and the door says what is wrong with it.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from service.core.errors import BadEvent
from service.core.events import MONEY
from service.core.strict_json import quoted
from service.core.view import iso
from service.settings.mapping_values import MISSING

_EPOCH_TEXT = re.compile(r"\d{9,14}(\.\d+)?", re.ASCII)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d(?=[Tt ]|$)", re.ASCII)
# Seconds since 1970 of the year 5138: whatever is larger counts milliseconds.
_SECONDS_MAX = 100_000_000_000


def is_nothing(value: Any) -> bool:
    """Vendors write null, an empty text, or leave out what they do not have."""
    return value is MISSING or value is None or (isinstance(value, str) and not value.strip())


def fit(value: Any, kind: str, where: str, zone: str) -> Any:
    """`value` for a field of this kind (core/payload.py); MISSING stays so, what is empty becomes null."""
    if value is MISSING:
        return value
    if is_nothing(value):
        return None
    if kind == "instant":
        return as_instant(value, where, zone)
    if kind == "date":
        return _as_date(value, where, zone)
    if kind == "money":
        return exact(_as_text(value))
    if kind in ("id", "line", "body"):
        return _as_text(value)
    if kind in ("ids", "bodies") and isinstance(value, list):
        return [_as_text(item) for item in value]
    return value


def exact(amount: Any) -> Any:
    """One amount, one text: `1200.50` of one system and `1200.5` of another are no change of anything."""
    if not isinstance(amount, str) or not re.fullmatch(MONEY, amount, re.ASCII):
        return amount
    return format(Decimal(amount).normalize(), "f")


def as_instant(value: Any, where: str, zone: str) -> Any:
    """Seconds or milliseconds since 1970, as a number or in text, as RFC 3339. A time without a zone gets `zone`."""
    if is_nothing(value):
        return None
    number = value
    if isinstance(value, str):
        text = value.strip()
        if not _EPOCH_TEXT.fullmatch(text):
            return text + zone if zone and _NAIVE.fullmatch(text) else text
        number = Decimal(text)
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return value
    seconds = float(number)
    if abs(seconds) >= _SECONDS_MAX:
        seconds /= 1000
    try:
        return iso(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        raise BadEvent("time_out_of_range", f"{quoted(value)} is no time since 1970", where) from None


def _as_date(value: Any, where: str, zone: str) -> Any:
    """The day of an instant is its day in UTC: vendors keep dates as midnights there."""
    instant = as_instant(value, where, zone)
    day = _DAY.match(instant) if isinstance(instant, str) else None
    return day[0] if day else instant


def _as_text(value: Any) -> Any:
    """Money comes as a number from some, ids from all; 0.1 is written 0.1, and no exponent is."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    text = format(exact, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
