"""One person's clock and working time: what `3 business days before` means where its owner lives. Pure.

Days are counted in the local calendar, hours as time that passes, and UTC comes last (domain, "People and time").
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from service.core.policy import At

# On a day without working hours a date without a time means this (design: "17:00 on a day off").
DAY_OFF_END = time(17)

# A calendar without a working day in as long as this is none, and `validate` refuses it. Where one comes here all the
# same every day counts, because a decision has to come to an end.
HORIZON_DAYS = 366

# One decision asks for the same instants several times, and a timer once more: a third of deciding (measured 2026-11).
CACHED = 16_384


class Hours(Struct, frozen=True, cache_hash=True):
    """Working hours by weekday (0 = Monday): (opens, closes), or None for a day off; `off` are holidays."""

    week: tuple[tuple[time, time] | None, ...] = ((time(9), time(17)),) * 5 + (None, None)
    off: frozenset[date] = frozenset()

    def on(self, day: date) -> tuple[time, time] | None:
        return None if day in self.off else self.week[day.weekday()]


class Calendar(NamedTuple):
    """The zone and the working hours in which one person's days are counted."""

    zone: ZoneInfo
    hours: Hours
    quiet: str = ""  # when they are told only what is urgent, see quiet.py

    @lru_cache(maxsize=CACHED)  # noqa: B019  the calendar is a part of the key, and there are few
    def shifted(self, at: At, moment: datetime, times: int = 1) -> datetime:
        """The instant `times` × `at` away from `moment`: days by the wall clock, hours as they pass."""
        if at.is_business:
            return self._business(at, moment, times)
        instant = moment
        if at.days or at.clock is not None:
            local = moment.astimezone(self.zone)
            day = local.date() + timedelta(days=at.days * times)
            instant = wall(day, at.clock or local.time(), self.zone)
        return instant + at.elapsed * times

    @lru_cache(maxsize=CACHED)  # noqa: B019  as above
    def working(self, moment: datetime) -> datetime:
        """`moment` itself in working time, its very end included; else the next opening."""
        day = moment.astimezone(self.zone).date()
        if (hours := self.hours.on(day)) and moment == wall(day, hours[1], self.zone):
            return moment
        return self.opening(moment)

    def opening(self, at: datetime) -> datetime:
        """`at` itself where work goes on from it, else the next opening: the end of a working day is none."""
        return next(self._spans(at, 1), (at, at))[0]

    def _business(self, at: At, moment: datetime, times: int) -> datetime:
        if at.days:
            return self._business_days(moment, at.days * times)
        return self._business_time(moment, at.elapsed * times)

    def _business_days(self, moment: datetime, days: int) -> datetime:
        """The same wall-clock time that many working days away, moved into that day's hours."""
        local = moment.astimezone(self.zone)
        day, step = local.date(), timedelta(days=1 if days > 0 else -1)
        for _ in range(abs(days)):
            day = self._next_working_day(day, step)
        opens, closes = self.hours.on(day) or (time.min, time.max)
        return wall(day, min(max(local.time(), opens), closes), self.zone)

    def _next_working_day(self, day: date, step: timedelta) -> date:
        for ahead in range(1, HORIZON_DAYS + 1):
            if self.hours.on(day + step * ahead):
                return day + step * ahead
        return day + step

    def _business_time(self, moment: datetime, span: timedelta) -> datetime:
        """Working time counted from `moment`; outside of it from the next opening, or back from the last closing."""
        left, sign = abs(span), 1 if span > timedelta() else -1
        for opens, closes in self._spans(moment, sign):
            if closes - opens >= left:
                return opens + left if sign > 0 else closes - left
            left -= closes - opens
        return moment + span

    def _spans(self, moment: datetime, sign: int) -> Iterator[tuple[datetime, datetime]]:
        """Working time from `moment` on, or back from it, until there is none within the horizon."""
        day, without = moment.astimezone(self.zone).date(), 0
        while without <= HORIZON_DAYS:
            without += 1
            if hours := self.hours.on(day):
                opens, closes = (wall(day, clock, self.zone) for clock in hours)
                opens, closes = (max(opens, moment), closes) if sign > 0 else (opens, min(closes, moment))
                if opens < closes:
                    without = 0
                    yield opens, closes
            day += timedelta(days=sign)


def wall(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall-clock time: the first valid instant after a gap, the later one of an overlap."""
    local = datetime.combine(day, clock, zone).replace(fold=1)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # In a gap the two readings of `local` lie on both sides of the change: halve the distance down to it.
    low, high = sorted((instant, local.replace(fold=0).astimezone(UTC)))
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)
