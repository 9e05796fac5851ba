"""Business time: the same as counted on paper, in every zone; and the cases a sales manager would ask about."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.core.calendar import Calendar, Hours
from service.core.policy import At
from service.settings import durations
from tests.core.slow_calendar import QUARTER, business_days, business_time, is_working

MADRID = ZoneInfo("Europe/Madrid")
SHORT_FRIDAYS = Hours(
    ((time(9), time(18)),) * 4 + ((time(9), time(15)), None, None), frozenset({date(2026, 12, 24)})
)
YEARS = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC))
QUARTERS = (YEARS[1] - YEARS[0]) // QUARTER

zones = st.sampled_from(sorted(available_timezones()))
moments = st.integers(0, QUARTERS).map(lambda number: YEARS[0] + number * QUARTER)
clocks = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
spans = st.tuples(clocks, clocks).filter(lambda span: span[0] < span[1])
weeks = st.lists(st.none() | spans, min_size=7, max_size=7).filter(any)
hours = st.builds(
    lambda week, first, off: Hours(tuple(week), frozenset(first + timedelta(days=day) for day in off)),
    weeks,
    st.dates(date(2024, 1, 1), date(2034, 1, 1)),
    st.sets(st.integers(0, 40), max_size=8),
)
several = st.integers(-9, 9).filter(bool)


def shifted(text: str, moment: datetime, hours: Hours = SHORT_FRIDAYS, zone: ZoneInfo = MADRID) -> datetime:
    return Calendar(zone, hours).shifted(durations.at(text), moment).astimezone(zone)


@settings(max_examples=400)
@given(moments, several, hours, zones)
def test_business_days_are_those_counted_on_paper(
    moment: datetime, days: int, hours: Hours, zone: str
) -> None:
    found = Calendar(ZoneInfo(zone), hours).shifted(At(days=days, is_business=True), moment)
    assert found == business_days(moment, days, hours, zone)
    assert (found > moment) == (days > 0)


@settings(max_examples=300, deadline=None)
@given(moments, several, hours, zones)
def test_business_hours_are_those_counted_on_paper(
    moment: datetime, number: int, hours: Hours, zone: str
) -> None:
    span = timedelta(minutes=15 * number)
    found = Calendar(ZoneInfo(zone), hours).shifted(At(elapsed=span, is_business=True), moment)
    assert found == business_time(moment, span, hours, zone)


@settings(max_examples=200)
@given(moments, hours, zones)
def test_what_is_held_up_goes_on_in_working_time_and_not_a_quarter_later(
    moment: datetime, hours: Hours, zone: str
) -> None:
    found = Calendar(ZoneInfo(zone), hours).working(moment)
    assert found >= moment
    if found == moment:
        assert is_working(moment, hours, zone) or is_working(moment - QUARTER, hours, zone)
        return
    assert is_working(found, hours, zone)
    assume(found - moment < timedelta(days=3))
    assert not any(is_working(moment + n * QUARTER, hours, zone) for n in range((found - moment) // QUARTER))


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        # Over a weekend, and over a company day off.
        ("3 business days before", "2026-11-24T17:00", "2026-11-19T17:00"),
        ("1 business day after", "2026-11-27T12:00", "2026-11-30T12:00"),
        ("1 business day after", "2026-12-23T12:00", "2026-12-25T12:00"),
        ("1 business day before", "2026-12-25T12:00", "2026-12-23T12:00"),
        # At an hour nobody works at: moved into the day, to its nearer end.
        ("1 business day after", "2026-11-26T17:30", "2026-11-27T15:00"),
        ("1 business day before", "2026-11-24T06:00", "2026-11-23T09:00"),
        # From a day off the next day counts as the first.
        ("1 business day after", "2026-11-28T12:00", "2026-11-30T12:00"),
        ("1 business day before", "2026-11-29T12:00", "2026-11-27T12:00"),
        # Hours: within a day, over an evening, over a weekend, from a time nobody works at.
        ("4 business hours before", "2026-11-24T16:00", "2026-11-24T12:00"),
        ("4 business hours before", "2026-11-24T11:00", "2026-11-23T16:00"),
        ("4 business hours after", "2026-11-27T13:00", "2026-11-30T11:00"),
        ("2 business hours after", "2026-11-27T13:00", "2026-11-27T15:00"),
        ("1 business hour after", "2026-11-28T12:00", "2026-11-30T10:00"),
        ("1 working hour before", "2026-11-28T12:00", "2026-11-27T14:00"),
    ],
)
def test_a_manager_would_count_the_same(text: str, moment: str, expected: str) -> None:
    found = shifted(text, datetime.fromisoformat(moment).replace(tzinfo=MADRID))
    assert found.strftime("%Y-%m-%dT%H:%M") == expected


def test_working_hours_over_a_change_of_clocks_are_hours_that_pass() -> None:
    night = Hours(((time(0), time(6)),) * 7)
    moment = datetime(2026, 3, 29, 0, tzinfo=MADRID)
    assert shifted("5 business hours after", moment, night) == datetime(2026, 3, 29, 6, tzinfo=MADRID)
    moment = datetime(2026, 10, 25, 0, tzinfo=MADRID)
    assert shifted("5 business hours after", moment, night) == datetime(2026, 10, 25, 4, tzinfo=MADRID)


def test_a_calendar_that_never_works_counts_every_day_and_comes_to_an_end() -> None:
    never = Hours((None,) * 7)
    moment = datetime(2026, 11, 24, 12, tzinfo=MADRID)
    assert shifted("3 business days after", moment, never) == moment + timedelta(days=3)
    assert shifted("3 business hours after", moment, never) == moment + timedelta(hours=3)
    assert Calendar(MADRID, never).working(moment) == moment
