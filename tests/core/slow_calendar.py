"""Business time as anybody would count it on paper: a quarter of an hour after the other, a day after the other.

The reference of core/calendar.py, and nothing like it. Moments and working hours lie on quarters of an hour.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from service.core.calendar import Hours

QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


@cache
def wall_clock(local: datetime, zone: str) -> datetime:
    """The last instant at which a clock in `zone` shows `local`; where it jumps over it, the first instant after."""
    guess = local.replace(tzinfo=UTC) - timedelta(hours=15)
    days = [guess + number * QUARTER for number in range(30 * 4)]
    shown = [(at.astimezone(ZoneInfo(zone)).replace(tzinfo=None), at) for at in days]
    exact = [at for clock, at in shown if clock == local]
    return exact[-1] if exact else next(at for clock, at in shown if clock > local)


def is_working(at: datetime, hours: Hours, zone: str) -> bool:
    """Whether somebody works in the quarter of an hour that begins at `at`."""
    day = at.astimezone(ZoneInfo(zone)).date()
    span = hours.on(day)
    if span is None:
        return False
    opens, closes = (wall_clock(datetime.combine(day, clock), zone) for clock in span)
    return opens <= at < closes


def business_time(moment: datetime, span: timedelta, hours: Hours, zone: str) -> datetime:
    """Quarter by quarter, until as many were worked in as `span` has."""
    at, left = moment, abs(span)
    while left:
        quarter = at if span > timedelta() else at - QUARTER
        left -= QUARTER if is_working(quarter, hours, zone) else timedelta()
        at += QUARTER if span > timedelta() else -QUARTER
    return at


def business_days(moment: datetime, days: int, hours: Hours, zone: str) -> datetime:
    """Day by day; on the last one at the same time, or at the nearest one of that day's hours."""
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    day, left = local.date(), abs(days)
    while left:
        day += DAY if days > 0 else -DAY
        left -= works_on(day, hours)
    span = hours.on(day)
    assert span is not None
    return wall_clock(datetime.combine(day, nearest(local.time(), span)), zone)


def works_on(day: date, hours: Hours) -> int:
    return 1 if hours.on(day) else 0


def nearest(clock: time, span: tuple[time, time]) -> time:
    opens, closes = span
    return opens if clock < opens else min(clock, closes)
