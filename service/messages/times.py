"""Says when: an instant in the reader's zone, and how far it is from the moment of the decision. Pure.

`decided_at` is the only clock, so a message says the same however late or often it is sent.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Times:
    """Instants as one reader reads them, seen from `decided_at`."""

    def __init__(self, time_zone: str, decided_at: datetime) -> None:
        self.zone = _zone(time_zone)
        self._now = decided_at
        self._here = decided_at.astimezone(self.zone)

    def short(self, at: datetime) -> str:
        """`Fri 27 Nov, 17:00`; the year only where it is another one."""
        local = at.astimezone(self.zone)
        year = f" {local.year}" if local.year != self._here.year else ""
        clock = f"{local.hour:02d}:{local.minute:02d}"
        return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}{year}, {clock}"

    def full(self, at: datetime) -> str:
        """`Fri 27 Nov, 17:00 (America/New York)`."""
        return f"{self.short(at)} ({self.zone.key.replace('_', ' ')})"

    def away(self, at: datetime) -> str:
        """`in 3 days`, `tomorrow`, `2 hours ago`, `just now`."""
        span = at - self._now
        if abs(span) < timedelta(seconds=1):
            return "now" if span > timedelta() else "just now"
        if abs(span) >= timedelta(days=1):
            days = (at.astimezone(self.zone).date() - self._here.date()).days
            if abs(days) == 1:
                return "tomorrow" if days > 0 else "yesterday"
        words = self.length(at)
        return f"in {words}" if span > timedelta() else f"{words} ago"

    def length(self, at: datetime) -> str:
        """How far away, without the direction: `45 minutes`, `3 days`, `2 weeks`."""
        seconds = abs(at - self._now).total_seconds()
        if seconds < 59.5:
            return count(round(seconds) or 1, "second")
        # Up to an hour and a half minutes are what people say; "in 1 hour" would hide a third of it.
        if seconds < 89.5 * 60:
            return count(round(seconds / 60), "minute") if round(seconds / 60) != 60 else "1 hour"
        if seconds < 86400:
            return count(round(seconds / 3600), "hour")
        days = abs((at.astimezone(self.zone).date() - self._here.date()).days)
        if days < 21:
            return count(days, "day")
        return count(round(days / 7), "week") if days < 70 else count(round(days / 30.44), "month")


def between(early: datetime, late: datetime) -> str:
    """The length of a span: `2 hours`, `1 day`."""
    seconds = (late - early).total_seconds()
    if seconds >= 36 * 3600:
        return count(round(seconds / 86400), "day")
    if seconds >= 23.5 * 3600:
        return "1 day"
    return Times("UTC", early).length(late)


def instant(value: object) -> datetime | None:
    """An ISO instant of the facts; None when it is none, or carries no offset."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    # The first and last year cannot be moved between zones.
    return at if at.tzinfo is not None and 1 < at.year < 9999 else None


def count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    """The zone; UTC for a name this machine does not know, because a message matters more than its zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return ZoneInfo("UTC")
