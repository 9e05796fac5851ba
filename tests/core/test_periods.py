"""Periods: in any rhythm and zone, over years, the ask comes before the due moment, and that before the next ask."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.core.model import Rhythm
from service.core.periods import (
    asked_last,
    asks_in,
    first_from,
    period,
    read_week,
    week_at,
    week_id,
    week_number,
)

# Halves of an hour, a change of two hours, at midnight, on both sides of the equator, and none.
ZONES = (
    *("UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Cairo"),
    *("America/Santiago", "Pacific/Auckland", "Asia/Kathmandu", "Africa/Casablanca", "Asia/Beirut"),
)
WEEKS = range(week_number(date(2020, 1, 1)), week_number(date(2037, 1, 1)))
A_WEEK = 7 * 24 * 60

clocks = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
rhythms = st.builds(
    Rhythm,
    st.integers(0, 6),
    clocks | st.sampled_from(["02:00", "02:30", "00:00", "03:00"]),
    st.integers(0, 6),
    clocks | st.sampled_from(["02:00", "02:30", "00:30", "03:00"]),
    st.sampled_from([1, 1, 2, 3]),
    st.sampled_from([0, WEEKS[5], WEEKS[6]]),
    st.sampled_from([0, 0, 1]),
    st.sampled_from([0, 0, 3600, 4 * 3600]),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
weeks = st.sampled_from(WEEKS)


def minute(day: int, clock: str) -> int:
    return (day * 24 + int(clock[:2])) * 60 + int(clock[3:])


def may_be_configured(rhythm: Rhythm) -> bool:
    """What settings/cadences.py lets pass: the time to answer, its grace and two hours fit between two asks."""
    ask, due = minute(rhythm.ask_day, rhythm.ask_clock), minute(rhythm.due_day, rhythm.due_clock)
    waits = (due - ask) % A_WEEK + rhythm.grace_days * 24 * 60 + rhythm.grace_s // 60
    return ask != due and waits + 120 <= rhythm.weeks * A_WEEK


@given(rhythms, zones, weeks)
def test_a_period_is_asked_then_due_then_over_and_then_the_next_one_is_asked(rhythm, zone, week):
    assume(may_be_configured(rhythm))

    this, following = period(rhythm, week, zone), period(rhythm, week + rhythm.weeks, zone)

    assert this.ask_at < this.due_at <= this.grace_at < following.ask_at
    assert this.id != following.id
    assert this.ask_at.tzinfo is UTC


@given(rhythms, zones, weeks)
def test_a_period_is_called_by_the_week_of_its_ask(rhythm, zone, week):
    this = period(rhythm, week, zone)
    local = this.ask_at.astimezone(zone)
    year, number, day = local.isocalendar()

    assert read_week(this.id) == week
    assert this.id == f"{year:04}-W{number:02}"
    # A clock that is left out comes an hour or two later, never on another day but at midnight.
    assert day - 1 == rhythm.ask_day
    assert f"{local:%H:%M}" >= rhythm.ask_clock


@given(rhythms, zones, weeks, st.integers(0, A_WEEK * 60))
def test_the_first_period_from_a_moment_is_the_earliest_that_is_not_behind(rhythm, zone, week, seconds):
    at = period(Rhythm(0, "00:00", 6, "23:59"), week, zone).ask_at + timedelta(seconds=seconds)

    found = first_from(rhythm, at, zone)

    number = read_week(found.id)
    assert number is not None
    assert asks_in(rhythm, number)
    assert found.ask_at >= at
    assert number - rhythm.weeks < rhythm.first_week or (
        period(rhythm, number - rhythm.weeks, zone).ask_at < at
    )


@given(rhythms, zones, weeks, st.integers(0, 9))
def test_what_was_asked_until_now_goes_up_to_what_is_asked_next(rhythm, zone, week, later):
    start = first_from(rhythm, period(rhythm, week, zone).ask_at, zone)
    now = start.ask_at + timedelta(weeks=later, hours=1)
    number = read_week(start.id)
    assert number is not None

    asked = asked_last(rhythm, now, zone, number)
    last = read_week(asked[-1].id)
    assert last is not None

    assert asked[0] == start
    assert first_from(rhythm, now, zone, last) == period(rhythm, last + rhythm.weeks, zone)


def test_every_week_of_many_years_has_one_name_which_says_which_it_is():
    names = [week_id(week) for week in WEEKS]
    assert len(set(names)) == len(names)
    assert names == sorted(names)
    assert [read_week(name) for name in names] == list(WEEKS)


@pytest.mark.parametrize(
    "text", ["2026-W54", "2025-W53", "2026-W00", "2026-47", "2026-W7", "W47", "", "2026-W4٧"]
)
def test_what_is_no_week_is_none(text):
    assert read_week(text) is None


def test_the_week_of_a_moment_is_that_of_the_wall_clock():
    at = datetime(2027, 1, 3, 23, 30, tzinfo=UTC)  # a Sunday in London, Monday in Madrid
    assert week_at(at, ZoneInfo("Europe/London")) == "2026-W53"
    assert week_at(at, ZoneInfo("Europe/Madrid")) == "2027-W01"
