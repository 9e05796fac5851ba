"""calendars.yaml: working hours by weekday, public holidays, company days off; compiled into core's Hours."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, RootModel

from service.core.calendar import HORIZON_DAYS, Hours
from service.settings.check import Strict, check, wrong
from service.settings.document import Document
from service.settings.problems import did_you_mean
from service.settings.public_holidays import YEARS_AHEAD, UnknownRegion, public_holidays

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_HOURS_HINT = 'write it as in mon-fri: "09:00-17:00"'


def days_of(text: str) -> list[int]:
    """`mon-fri` is 0 to 4, `fri-mon` goes over the weekend, `mon` and `mon, wed` are those days."""
    days: list[int] = []
    for part in text.lower().split(","):
        first, _, last = part.strip().partition("-")
        ends = [end.strip() for end in (first, last or first)]
        for end in ends:
            if end not in DAYS:
                hint = did_you_mean(end, DAYS)
                hint = hint if hint.startswith("did") else _HOURS_HINT
                raise wrong(f"`{end}` is not a day of the week", hint)
        start, stop = (DAYS.index(end) for end in ends)
        days += [(start + offset) % 7 for offset in range((stop - start) % 7 + 1)]
    return days


def span_of(text: str) -> tuple[time, time]:
    """`09:00-17:00`; the end is later on the same day."""
    match = _SPAN.fullmatch(text.strip())
    if not match:
        raise wrong(f"`{text[:40]}` is not a span of hours", _HOURS_HINT)
    open_h, open_m, close_h, close_m = (int(number) for number in match.groups())
    try:
        opens, closes = time(open_h, open_m), time(close_h, close_m)
    except ValueError:
        raise wrong(f"`{text}` holds a time that no clock shows", _HOURS_HINT) from None
    if closes <= opens:
        raise wrong(f"`{text}` ends before it begins", "working hours end on the day they begin")
    return opens, closes


def _hours(hours: dict[str, str]) -> dict[str, str]:
    taken: dict[int, str] = {}
    for days, span in hours.items():
        span_of(span)
        for day in days_of(days):
            if day in taken:
                raise wrong(f"{DAYS[day]} is in `{taken[day]}` and in `{days}`", "give each day once")
            taken[day] = days
    return hours


def _dates(days: list[str]) -> list[str]:
    for day in days:
        try:
            date.fromisoformat(day)
        except ValueError:
            raise wrong(f"`{day[:40]}` is not a date", 'write it as in "2026-12-24"') from None
    return days


class CalendarModel(Strict):
    """Working hours; days that are not named are off."""

    hours: Annotated[dict[str, str], AfterValidator(_hours)] | None = Field(
        None,
        min_length=1,
        description="Days and hours; without it those of `default`.",
        examples=[{"mon-thu": "09:00-18:00", "fri": "09:00-15:00"}],
    )
    off: Annotated[list[str], AfterValidator(_dates)] = Field(
        [], description="Company days off, as ISO dates."
    )
    country: str | None = Field(
        None, description="Its public holidays are days off: a code of ISO 3166.", examples=["ES", "US"]
    )
    subdivision: str | None = Field(
        None, description="A region of the country, with its own holidays.", examples=["MD"]
    )


class CalendarsModel(RootModel[dict[str, CalendarModel]]):
    """Calendars by name; `default` is everybody's who names none."""


class Calendars(NamedTuple):
    """Every calendar of the file, and `default` always; and what the holidays among its days off are called."""

    hours: dict[str, Hours]
    holidays: dict[str, dict[date, str]]


def read_calendars(document: Document) -> Calendars:
    """The file as decisions use it, with every problem in it reported."""
    model = check(document, CalendarsModel, value=document.data if document.data is not None else {})
    if model is None:  # the names still count, so that nobody's calendar is reported as missing
        named = document.data if isinstance(document.data, dict) else ()
        return Calendars(dict.fromkeys(["default", *named], Hours()), {})
    default = model.root.get("default")
    usual = _week(default.hours) if default and default.hours else Hours().week
    calendars, holidays = {"default": Hours(usual)}, dict[str, dict[date, str]]()
    for name, calendar in model.root.items():
        public = _holidays(document, name, calendar)
        off = frozenset(date.fromisoformat(day) for day in calendar.off).union(public)
        hours = Hours(_week(calendar.hours) if calendar.hours else usual, off)
        if public:
            holidays[name] = {day: called for day, called in public.items() if hours.week[day.weekday()]}
        if not _works(hours):
            document.error(
                (name, "off"), f"`{name}` has no working day for a year", "nothing could ever be due"
            )
        calendars[name] = hours
    return Calendars(calendars, holidays)


def _holidays(document: Document, name: str, calendar: CalendarModel) -> dict[date, str]:
    if not calendar.country:
        if calendar.subdivision:
            document.error((name, "subdivision"), "a subdivision of no country", "name its `country` as well")
        return {}
    try:
        return public_holidays(calendar.country, calendar.subdivision)
    except UnknownRegion as unknown:
        document.error((name, unknown.key), str(unknown), unknown.hint)
        return {}


def _works(hours: Hours) -> bool:
    """Whether working days are never further apart than a decision looks."""
    day = last = datetime.now(UTC).date()
    end = day + timedelta(days=366 * YEARS_AHEAD)
    while day < end and day - last <= timedelta(days=HORIZON_DAYS):
        day += timedelta(days=1)
        last = day if hours.on(day) else last
    return day >= end


def _week(hours: dict[str, str]) -> tuple[tuple[time, time] | None, ...]:
    week: list[tuple[time, time] | None] = [None] * 7
    for days, span in hours.items():
        for day in days_of(days):
            week[day] = span_of(span)
    return tuple(week)
