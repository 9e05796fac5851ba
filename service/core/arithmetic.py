"""The time arithmetic of a step as a person would check it on paper: from which moment, which days are left out. Pure.

The instant is always the timeline's own; here is only what lies between it and the moment. Words are in English, times
in the zone they are reckoned in.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from service.core.calendar import Calendar
from service.core.model import Moment, Run
from service.core.policy import MOMENTS_IN_WORDS, At, Firing
from service.core.timeline import counted_from, fires_at, held_up, nominal_at

# More days off than a reader would check one by one are a number.
NAMED_MAX = 8


class Worked(NamedTuple):
    """How a firing comes to its instant. `left_out` are days off that were passed over, in the order of time."""

    at: datetime
    planned_at: datetime  # where nothing holds it up
    left_out: tuple[date, ...]
    is_moved_into_hours: bool  # business days: the moment's clock lies outside of that day's working hours
    held_up: timedelta
    is_after_grace: bool
    quiet_at: datetime | None = None  # a reminder's time that lies in quiet hours, and is moved before them
    step_at: datetime | None = (
        None  # of a round of hours: when its step begins, where that waits for an opening
    )


def work_out(firing: Firing, run: Run, moment: Moment, calendar: Calendar) -> Worked:
    """The instant of `fires_at`, and what there is between it and the moment."""
    assert moment.at is not None
    at, planned_at = fires_at(firing, run, moment, calendar), nominal_at(firing, moment.at, calendar)
    counted_at = nominal_at(firing, moment.at, calendar._replace(quiet=""))
    by = held_up(firing, run)
    step, repeat = firing.step, firing.step.repeat
    first = calendar.shifted(step.at, moment.at)
    left_out = list(_left_out(step.at, moment.at, first, calendar))
    if firing.round and repeat:
        left_out += _left_out(repeat.every, first, counted_at, calendar)
    last = repeat.every if firing.round and repeat else step.at
    counted_in_days = last.is_business and last.days != 0
    before = first if firing.round and repeat else moment.at
    is_moved = counted_in_days and _clock(before, calendar) != _clock(counted_at, calendar)
    is_after_grace = (
        moment.not_before is not None and not firing.is_before and at >= moment.not_before > planned_at
    )
    quiet_at = counted_at if counted_at != planned_at else None
    step_at = counted_from(firing, run, moment, calendar)
    return Worked(
        at, planned_at, tuple(sorted(set(left_out))), is_moved, by, is_after_grace, quiet_at, step_at
    )


def in_words(
    worked: Worked,
    firing: Firing,
    name: str,
    moment_at: datetime,
    calendar: Calendar,
    holidays: Mapping[date, str],
) -> str:
    """`2 business days before the deadline, Fri 2026-05-01 17:00 Europe/Berlin, leaving out … = Wed …`.

    `name` is the moment's; `holidays` are the names of days off, where they are known.
    """
    step, repeat = firing.step, firing.step.repeat
    what = MOMENTS_IN_WORDS.get(name, "the deadline")
    parts = [
        f"{step.at.in_words(name).removesuffix(what)}{what}, {when(moment_at, calendar)} {calendar.zone.key}"
    ]
    if firing.round and repeat:
        parts.append(f"and {firing.round} × {repeat.every.text} later")
    if worked.left_out:
        parts.append(f"leaving out {days_in_words(worked.left_out, calendar, holidays)}")
    counted_at = worked.quiet_at or worked.planned_at
    if worked.is_moved_into_hours:
        opens, closes = calendar.hours.on(counted_at.astimezone(calendar.zone).date()) or (None, None)
        parts.append(
            f"moved into that day's working hours ({opens:%H:%M}-{closes:%H:%M})" if opens and closes else ""
        )
    said = f"{', '.join(part for part in parts if part)} = {when(counted_at, calendar)}"
    if worked.quiet_at:
        moved_to = when(worked.planned_at, calendar)
        said += f"; moved before the owner's quiet hours ({calendar.quiet}), which end too late: {moved_to}"
    if worked.step_at and repeat:
        begins = f"its step waits for work to begin, {when(worked.step_at, calendar)}"
        return f"{said}; {begins}, and {firing.round} × {repeat.every.text} later it is {when(worked.at, calendar)}"
    if worked.is_after_grace:
        return f"{said}; not before the grace for a date moved into the past is over, {when(worked.at, calendar)}"
    if worked.at == worked.planned_at:
        return said
    way = "later" if worked.at > worked.planned_at else "earlier"
    return f"{said}; the ladder stands {span(worked.at - worked.planned_at)} {way}, so {when(worked.at, calendar)}"


def days_in_words(days: tuple[date, ...], calendar: Calendar, holidays: Mapping[date, str]) -> str:
    """`Sat, Sun and Fri 2026-05-01 (Labour Day)`: the days of every week by their names, once."""
    weekly = [day for day in days if calendar.hours.week[day.weekday()] is None]
    weekdays = list(dict.fromkeys(f"{day:%a}" for day in weekly))
    named = [f"{day:%a %Y-%m-%d} ({holidays.get(day, 'a day off')})" for day in days if day not in weekly]
    if len(named) > NAMED_MAX:
        named = [*named[:NAMED_MAX], f"{len(named) - NAMED_MAX} more days off"]
    said = [*weekdays, *named]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def when(at: datetime, calendar: Calendar) -> str:
    """`Fri 2026-05-01 17:00`, by the wall clock of the calendar's zone; seconds only where there are any."""
    local = at.astimezone(calendar.zone)
    return f"{local:%a %Y-%m-%d %H:%M:%S}" if local.second else f"{local:%a %Y-%m-%d %H:%M}"


def span(by: timedelta) -> str:
    """`2 days 3 h`, `45 min`, `20 s`: the two largest units."""
    seconds = int(abs(by).total_seconds())
    sizes = ((86_400, "day"), (3600, "h"), (60, "min"), (1, "s"))
    found = []
    for size, unit in sizes:
        count, seconds = divmod(seconds, size)
        if count:
            found.append(f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}")
    return " ".join(found[:2]) or "0 s"


def _left_out(at: At, begin: datetime, end: datetime, calendar: Calendar) -> Iterator[date]:
    """The days off that counting business time from `begin` to `end` passes over. Days count between the two only;
    of hours a moment on a day off is passed over, too."""
    if not at.is_business:
        return
    first, last = sorted(one.astimezone(calendar.zone).date() for one in (begin, end))
    if at.days:
        first, last = first + timedelta(days=1), last - timedelta(days=1)
    while first <= last:
        if calendar.hours.on(first) is None:
            yield first
        first += timedelta(days=1)


def _clock(at: datetime, calendar: Calendar) -> str:
    return f"{at.astimezone(calendar.zone):%H:%M:%S.%f}"
