"""Quiet hours and absences as people write them: checked word by word, and made the instants that decisions look at.

A date means the whole of that day where the person lives, the last one included.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.core.calendar import wall
from service.core.model import Absence
from service.settings.check import wrong

_SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_EXAMPLE = "write them as in `20:00-08:00`"


def quiet(value: str) -> str:
    """`20:00-08:00`: two different times of day, the second one on the next day where it is the earlier."""
    if not _SPAN.fullmatch(value):
        raise wrong(f"`{value[:40]}` are no quiet hours", _EXAMPLE)
    begin, _, end = value.partition("-")
    if begin == end:
        raise wrong(f"quiet hours `{value}` never end", f"{_EXAMPLE}; leave them out to be told at any hour")
    return value


def when(value: str) -> str:
    """A date, or an instant with its offset."""
    try:
        read = date.fromisoformat(value) if len(value) == len("2026-12-24") else datetime.fromisoformat(value)
    except ValueError:
        raise wrong(
            f"`{value[:40]}` is no date", "write it as in 2026-12-24, or 2026-12-24T13:00+01:00"
        ) from None
    if isinstance(read, datetime) and read.tzinfo is None:
        raise wrong(f"`{value}` has no offset", "write a date, or an instant as in 2026-12-24T13:00+01:00")
    return value


def absence(from_: str, until: str, delegate: str, zone: ZoneInfo) -> Absence:
    """Both ends as instants, of texts that `when` has taken."""
    return Absence(_instant(from_, zone), _instant(until, zone, timedelta(days=1)), delegate)


def _instant(text: str, zone: ZoneInfo, more: timedelta = timedelta()) -> datetime:
    if len(text) == len("2026-12-24"):
        return wall(date.fromisoformat(text) + more, time.min, zone)
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def plain(one: Absence) -> list[str]:
    """As it is pinned with the graph."""
    assert one.until is not None, "the directory knows when people come back"
    return [one.at.isoformat(), one.until.isoformat(), one.delegate]


def compiled(pinned: list[str]) -> Absence:
    at, until, delegate = pinned
    return Absence(datetime.fromisoformat(at), datetime.fromisoformat(until), delegate)
