"""Dates and durations as people type them in chat: read in one way only, in their own zone."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.web.slack_when import NotATime, is_later, later, moment

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)  # a Tuesday; 17:00 in Madrid


def at(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=MADRID)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", date(2026, 11, 24)),
        ("Tomorrow", date(2026, 11, 25)),
        ("Friday", date(2026, 11, 27)),
        ("on fri", date(2026, 11, 27)),
        ("tuesday", date(2026, 12, 1)),
        ("2026-12-01", date(2026, 12, 1)),
        ("1 Dec", date(2026, 12, 1)),
        ("1. December", date(2026, 12, 1)),
        ("Dec 1", date(2026, 12, 1)),
        ("March 3, 2027", date(2027, 3, 3)),
        ("3 mar", date(2027, 3, 3)),
        ("in 3 days", date(2026, 11, 27)),
        ("in 2 weeks", date(2026, 12, 8)),
        ("in 4 hours", at(24, 21)),
        ("in 24 hours", at(25, 17)),
        ("18:30", at(24, 18, 30)),
        ("Friday 17:00", at(27, 17)),
        ("friday at 5pm", at(27, 17)),
        ("tomorrow 9 am", at(25, 9)),
        ("2026-12-01 09:30", at(1, 9, 30, month=12)),
        ("2026-12-01T09:30", at(1, 9, 30, month=12)),
        ("1 Dec 12pm", at(1, 12, month=12)),
    ],
)
def test_a_date_in_the_person_s_own_zone(text: str, expected: date | datetime) -> None:
    assert moment(text, NOW, MADRID) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "3/4", "next friday", "31 Feb", "2026-02-30", "17:61", "25:00", "13pm", "in 0 days"),
        *("in x", "may", "1" * 500),
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_answered_with_a_right_one(text: str) -> None:
    with pytest.raises(NotATime, match="“Tuesday”, “2026-12-01 17:00”, “1 December” or “in 3 days”"):
        moment(text, NOW, MADRID)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("next friday", "“next” can mean this week’s or the one after."),
        ("3/4", "which of its numbers is the month?"),
        ("31 Feb", "there is no such day."),
        ("2026-02-30", "there is no such day."),
        ("may", "which day of the month?"),
        ("17:61", "“17:61” is no time of day."),
        ("friday 13pm", "“13pm” is no time of day."),
        ("soon 17:00", "“soon” is no day."),
        ("in 0 days", "0 is too few."),
        ("in 20000 days", "20000 is too many."),
        ("2 hours", "did you mean “in 2 hours”?"),
        ("at 5h30", "“5h30” is no time of day."),
        ("in 2 fortnights", "“fortnights” is none of minutes, hours, days or weeks."),
        ("1 dez", "“dez” is no month, and none of minutes, hours, days or weeks."),
        ("in two days", "write its number in digits, as in “2 hours”."),
        ("in 1.5 hours", "it is no whole number; write one, as in “90 minutes”."),
        ("1h 30m", "it names two lengths; write one, as in “90 minutes”."),
        ("fridya", "did you mean “friday”?"),
    ],
)
def test_what_is_odd_about_it_is_named(text: str, says: str) -> None:
    with pytest.raises(
        NotATime, match=f"^“{re.escape(text)}” is no date [a-z ]+: {re.escape(says)} Write it as in"
    ):
        moment(text, NOW, MADRID)


def test_a_number_without_end_is_no_time_either() -> None:
    with pytest.raises(NotATime, match="can be read in one way only"):
        moment(f"in {'9' * 5_000} days", NOW, MADRID)


def test_hours_may_be_short() -> None:
    assert later("2 hrs", NOW, MADRID) == NOW + timedelta(hours=2)


@pytest.mark.parametrize("text", ["2026-11-23", "09:00", "today 16:59", "in 800 days", "2029-01-01"])
def test_what_has_passed_or_is_far_away_is_refused(text: str) -> None:
    with pytest.raises(NotATime, match=r"passed already|two years"):
        moment(text, NOW, MADRID)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOW + timedelta(hours=2)),
        ("90 minutes", NOW + timedelta(minutes=90)),
        ("for 3 days", NOW + timedelta(days=3)),
        ("1 w", NOW + timedelta(weeks=1)),
        ("tomorrow", at(25, 9)),
        ("until Friday", at(27, 9)),
        ("until friday 10:00", at(27, 10)),
    ],
)
def test_how_long_or_until_when(text: str, expected: datetime) -> None:
    assert later(text, NOW, MADRID) == expected
    assert is_later(text)


def test_words_that_say_no_time_are_known_for_that() -> None:
    assert [
        text for text in ("offer", "to Acme", "hours", "2029-01-01", "the 5 offers") if is_later(text)
    ] == ["2029-01-01"]
