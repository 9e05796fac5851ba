"""When, as people type it in chat: `Friday 17:00`, `1 Dec`, `in 3 days`, `2h`. Pure: now and the person's zone come in.

What can be read in two ways (`3/4`, `next Friday`) is not guessed: the answer shows how to write it.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.core.calendar import wall
from service.settings.text import folded
from service.web.answer_choices import NEW_DATE_AHEAD_MAX
from service.web.slack_odd import SECONDS_OF, why

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

_CLOCK = re.compile(
    r"(?:^|[ t])(?:at )?(?:(?P<hour>\d{1,2}):(?P<minute>\d{2})|(?P<short>\d{1,2}) ?(?P<half>am|pm))$"
)
_SPAN = re.compile(r"(?P<number>\d{1,4}) ?(?P<unit>[a-z]+?)s?")
_DAY_MONTH = re.compile(r"(?P<day>\d{1,2})\.? (?P<month>[a-z]+)(?: (?P<year>\d{4}))?")
_MONTH_DAY = re.compile(r"(?P<month>[a-z]+) (?P<day>\d{1,2})(?:,? (?P<year>\d{4}))?")


class NotATime(Exception):
    """The text tells the person what is wrong and shows what is right."""


class OutOfReach(NotATime):
    """It is a time, and has passed, or is too far away."""


def moment(text: str, now: datetime, zone: ZoneInfo) -> date | datetime:
    """A day, or an instant where an hour is named; it lies ahead. Raises NotATime."""
    words = folded(text).removeprefix("on ")
    here = now.astimezone(zone)
    if words.startswith("in ") and (length := _span(words[3:])):
        is_days = words.lstrip("in 0123456789")[0] in "dw"
        found: date | datetime = here.date() + length if is_days else (now + length).astimezone(UTC)
        return _ahead(found, now, zone)
    clock, rest = _clock(words)
    day = _day(rest, here.date()) if rest else here.date() if clock else None
    if day is None:
        raise NotATime(
            f"“{text[:60]}” is no date that can be read in one way only{_odd(words)} {examples(now, zone)}"
        )
    if clock is None:
        return _ahead(day, now, zone)
    return _ahead(wall(day, clock, zone).astimezone(UTC), now, zone)


def later(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """How long, or until when: `2h`, `3 days`, `tomorrow`, `until Friday 10:00`; a day begins at nine."""
    words = folded(text).removeprefix("for ").removeprefix("until ")
    if length := _span(words):
        return now + length
    found = moment(words, now, zone)
    return found if isinstance(found, datetime) else wall(found, time(9), zone).astimezone(UTC)


def unclear(text: str) -> str:
    """Why it does not say how long, with a right one; "" where it looks like no time at all."""
    words = folded(text)
    said = _why(words.removeprefix("until "))
    return f"“{text[:60]}” does not say how long: {_ended(said)}" if said else ""


def _odd(words: str) -> str:
    said = _why(words)
    return f": {_ended(said)}" if said else "."


def _why(words: str) -> str:
    return why(words, (*_LONG_DAYS, "today", "tomorrow"), (*_MONTHS, *_LONG_MONTHS))


def _ended(said: str) -> str:
    return said if said.endswith("?") else f"{said}."


def is_later(text: str) -> bool:
    """Whether it says how long; what it says may still be out of reach."""
    try:
        later(text, datetime(2026, 1, 5, tzinfo=UTC), ZoneInfo("UTC"))
    except OutOfReach:
        return True
    except NotATime:
        return False
    return True


def examples(now: datetime, zone: ZoneInfo) -> str:
    """Two dates that would be right today."""
    day = now.astimezone(zone).date() + timedelta(days=7)
    name = _LONG_DAYS[day.weekday()].capitalize()
    return f"Write it as in “{name}”, “{day.isoformat()} 17:00”, “{day.day} {_name(day)}” or “in 3 days”."


def _name(day: date) -> str:
    return _LONG_MONTHS[day.month - 1].capitalize()


def _span(words: str) -> timedelta | None:
    found = _SPAN.fullmatch(words)
    seconds = SECONDS_OF.get(found["unit"]) if found else None
    if not found or not seconds or int(found["number"]) == 0:
        return None
    return timedelta(seconds=int(found["number"]) * seconds)


def _clock(words: str) -> tuple[time | None, str]:
    """The hour at its end, and what stands before it."""
    found = _CLOCK.search(words)
    if found is None:
        return None, words
    try:
        if found["half"]:
            hour = int(found["short"])
            if not 1 <= hour <= 12:
                return None, words
            clock = time(hour % 12 + (12 if found["half"] == "pm" else 0))
        else:
            clock = time(int(found["hour"]), int(found["minute"]))
    except ValueError:
        return None, words
    return clock, words[: found.start()].strip()


def _day(words: str, today: date) -> date | None:
    if words in ("today", "tomorrow"):
        return today + timedelta(days=words == "tomorrow")
    for names in (_DAYS, _LONG_DAYS):
        if words in names:
            # On a Friday, "Friday" is the next one: today has a word of its own.
            return today + timedelta(days=(names.index(words) - today.weekday() - 1) % 7 + 1)
    readers: tuple[Callable[[str, date], date | None], ...] = (_iso, _named)
    return next((day for read in readers if (day := read(words, today))), None)


def _iso(words: str, _today: date) -> date | None:
    try:
        return date.fromisoformat(words) if len(words) == 10 else None
    except ValueError:
        return None


def _named(words: str, today: date) -> date | None:
    """`1 Dec`, `December 1, 2026`; without a year the next one."""
    found = _DAY_MONTH.fullmatch(words) or _MONTH_DAY.fullmatch(words)
    names = next((names for names in (_MONTHS, _LONG_MONTHS) if found and found["month"] in names), None)
    if found is None or names is None:
        return None
    month, day = names.index(found["month"]) + 1, int(found["day"])
    try:
        if found["year"]:
            return date(int(found["year"]), month, day)
        this_year = date(today.year, month, day)
        return this_year if this_year >= today else date(today.year + 1, month, day)
    except ValueError:
        return None


def _ahead(found: date | datetime, now: datetime, zone: ZoneInfo) -> date | datetime:
    is_instant = isinstance(found, datetime)
    here: date | datetime = now if is_instant else now.astimezone(zone).date()
    last: date | datetime = here + NEW_DATE_AHEAD_MAX
    if (found <= here) if is_instant else (found < here):
        raise OutOfReach(f"That moment has passed already. {examples(now, zone)}")
    if found > last:
        raise OutOfReach(f"That is more than two years away. {examples(now, zone)}")
    return found
