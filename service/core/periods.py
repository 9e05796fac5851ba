"""The periods of a cadence: which ISO weeks it asks in, and when in each. Pure; wall time in the zone of who is asked.

A period is called by the ISO week of its ask, as in `2026-W47`. Its due moment is the first one of its kind after the
ask, so that a cadence may ask on Friday for an answer by Monday.
"""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from service.core.calendar import Calendar, Hours, wall
from service.core.model import Rhythm
from service.core.policy import At

_WEEK = re.compile(r"(\d{4})-W(\d\d)", re.ASCII)
_FIRST_MONDAY = date(1970, 1, 5)  # weeks are numbered from it: the number goes on where the year's does not
_DAY = timedelta(days=1)


class Period(Struct, frozen=True):
    """`ask_at < due_at <= grace_at`; what comes up to `grace_at` counts as kept."""

    id: str
    ask_at: datetime
    due_at: datetime
    grace_at: datetime


def week_number(day: date) -> int:
    """The number of the week that `day` lies in."""
    return (day - _FIRST_MONDAY).days // 7


def week_id(number: int) -> str:
    year, week, _ = (_FIRST_MONDAY + number * 7 * _DAY).isocalendar()
    return f"{year:04}-W{week:02}"


def read_week(text: str) -> int | None:
    """The number of the week written `2026-W47`; None when there is no such week."""
    found = _WEEK.fullmatch(text)
    try:
        return week_number(date.fromisocalendar(int(found[1]), int(found[2]), 1)) if found else None
    except ValueError:  # week 53 of a year that has 52
        return None


def week_at(at: datetime, zone: ZoneInfo) -> str:
    """The ISO week that it is at `at`, by the wall clock of `zone`."""
    return week_id(week_number(at.astimezone(zone).date()))


def asks_in(rhythm: Rhythm, week: int) -> bool:
    return week >= rhythm.first_week and (week - rhythm.first_week) % rhythm.weeks == 0


def period(rhythm: Rhythm, week: int, zone: ZoneInfo) -> Period:
    """The period of the week with this number."""
    monday = _FIRST_MONDAY + week * 7 * _DAY
    ask_clock, due_clock = time.fromisoformat(rhythm.ask_clock), time.fromisoformat(rhythm.due_clock)
    is_next_week = (rhythm.due_day, due_clock) <= (rhythm.ask_day, ask_clock)
    ask_day, due_day = monday + rhythm.ask_day * _DAY, monday + (rhythm.due_day + 7 * is_next_week) * _DAY
    ask_at, due_at = wall(ask_day, ask_clock, zone), wall(due_day, due_clock, zone)
    if due_at <= ask_at:  # both in the hour that a change of the clocks leaves out: the time to answer stays
        due_at = ask_at + (datetime.combine(due_day, due_clock) - datetime.combine(ask_day, ask_clock))
    grace = At(days=rhythm.grace_days, elapsed=timedelta(seconds=rhythm.grace_s))
    return Period(week_id(week), ask_at, due_at, Calendar(zone, Hours()).shifted(grace, due_at))


def first_from(rhythm: Rhythm, at: datetime, zone: ZoneInfo, after_week: int = -1) -> Period:
    """The first period, of those after `after_week`, that is asked at `at` or later."""
    week = max(week_number(at.astimezone(zone).date()), rhythm.first_week, after_week + 1)
    week += (rhythm.first_week - week) % rhythm.weeks
    while (found := period(rhythm, week, zone)).ask_at < at:
        week += rhythm.weeks
    return found


def asked_last(rhythm: Rhythm, at: datetime, zone: ZoneInfo, from_week: int) -> list[Period]:
    """The periods from `from_week` on that were asked at `at` or before, in their order."""
    found = []
    week = max(from_week, rhythm.first_week)
    week += (rhythm.first_week - week) % rhythm.weeks
    while (one := period(rhythm, week, zone)).ask_at <= at:
        found.append(one)
        week += rhythm.weeks
    return found
