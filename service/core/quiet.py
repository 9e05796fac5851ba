"""Quiet hours by the reader's own wall clock: `20:00-08:00`, every day. Pure.

Whoever reads a clock in that span is left alone. Where the clocks change inside it, the span is never shorter than it
reads: it begins with the first of two equal times, and ends with the last.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service.core.calendar import wall

# A reminder that would fall into quiet time together with its deadline comes so much before it.
BEFORE = timedelta(minutes=15)

NEVER = "none"  # what a person says who wants to be told at any hour


@lru_cache(maxsize=1024)
def read_quiet(text: str) -> tuple[time, time] | None:
    """The span in `HH:MM-HH:MM`, which the settings and the door have checked; None where there is none."""
    if text in ("", NEVER):
        return None
    begin, _, end = text.partition("-")
    return time.fromisoformat(begin), time.fromisoformat(end)


def quiet_until(text: str, zone: ZoneInfo, at: datetime) -> datetime | None:
    """When the quiet time around `at` ends; None when `at` is in none."""
    return max((end for _, end in _around(text, zone, at)), default=None)


def told_before(text: str, zone: ZoneInfo, at: datetime, due: datetime) -> datetime:
    """`at` itself, or just before the quiet time around it where that has not ended when it is due: told at its end, a
    reminder would come too late."""
    around = _around(text, zone, at)
    end = max((end for _, end in around), default=None)
    if end is None or end < due:
        return at
    return min(begin for begin, until in around if until == end) - BEFORE


def quiet_end_after(text: str, zone: ZoneInfo, at: datetime) -> datetime | None:
    """When quiet time ends next, now or later; None where there is none."""
    span = read_quiet(text)
    if span is None:
        return None
    today = at.astimezone(zone).date()
    return min(end for n in (-1, 0, 1, 2) if (end := _on(today + timedelta(n), span, zone)[1]) > at)


def _around(text: str, zone: ZoneInfo, at: datetime) -> list[tuple[datetime, datetime]]:
    """The quiet times that `at` lies in."""
    span = read_quiet(text)
    if span is None:
        return []
    today = at.astimezone(zone).date()
    found = [_on(today + timedelta(n), span, zone) for n in (-1, 0)]
    return [(begin, end) for begin, end in found if begin <= at < end]


def _on(day: date, span: tuple[time, time], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The quiet time that begins on `day`."""
    begin, end = span
    first = min(wall(day, begin, zone), datetime.combine(day, begin, zone).astimezone(UTC))
    return first, wall(day if begin < end else day + timedelta(days=1), end, zone)
