"""Dates as people read them: in their zone, and as far away as it feels."""

from datetime import UTC, datetime, timedelta

import pytest

from service.messages.times import Times, between, instant

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)  # a Tuesday, 17:00 in Madrid


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(), "just now"),
        (timedelta(milliseconds=-300), "just now"),
        (timedelta(milliseconds=300), "now"),
        (timedelta(seconds=20), "in 20 seconds"),
        (timedelta(seconds=-1), "1 second ago"),
        (timedelta(seconds=59.8), "in 1 minute"),
        (timedelta(minutes=60), "in 1 hour"),
        (timedelta(minutes=75), "in 75 minutes"),
        (timedelta(hours=4, milliseconds=-700), "in 4 hours"),
        (timedelta(hours=-2), "2 hours ago"),
        (timedelta(hours=24), "tomorrow"),
        (timedelta(hours=-24), "yesterday"),
        (timedelta(hours=30), "tomorrow"),
        (timedelta(days=3), "in 3 days"),
        (timedelta(days=-20), "20 days ago"),
        (timedelta(days=28), "in 4 weeks"),
        (timedelta(days=365), "in 12 months"),
    ],
)
def test_distance_is_said_as_people_say_it(span: timedelta, said: str) -> None:
    assert Times("Europe/Madrid", NOW).away(NOW + span) == said


def test_days_are_counted_on_the_readers_calendar() -> None:
    # 23:30 on Tuesday in Madrid to Thursday 00:30 is 25 hours, and the day after tomorrow.
    late = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
    assert Times("Europe/Madrid", late).away(late + timedelta(hours=25)) == "in 2 days"
    assert Times("America/New_York", late).away(late + timedelta(hours=25)) == "tomorrow"


@pytest.mark.parametrize(
    ("zone", "at", "said"),
    [
        ("Europe/Madrid", "2026-11-27T16:00:00.000Z", "Fri 27 Nov, 17:00 (Europe/Madrid)"),
        ("Europe/Madrid", "2026-07-01T16:00:00.000Z", "Wed 1 Jul, 18:00 (Europe/Madrid)"),
        ("Asia/Tokyo", "2026-12-31T16:00:00.000Z", "Fri 1 Jan 2027, 01:00 (Asia/Tokyo)"),
        ("Nowhere/Land", "2026-11-27T16:00:00.000Z", "Fri 27 Nov, 16:00 (UTC)"),
        ("../../etc/passwd", "2026-11-27T16:00:00.000Z", "Fri 27 Nov, 16:00 (UTC)"),
    ],
)
def test_instants_are_in_the_readers_zone_with_its_name(zone: str, at: str, said: str) -> None:
    parsed = instant(at)
    assert parsed is not None
    assert Times(zone, NOW).full(parsed) == said


@pytest.mark.parametrize(
    "value", [None, 7, "", "soon", "2026-11-27", "2026-11-27T16:00:00", "0001-01-01T00:00:00Z"]
)
def test_what_is_no_instant_is_none(value: object) -> None:
    assert instant(value) is None


def test_spans_are_named_by_their_largest_unit() -> None:
    assert between(NOW, NOW + timedelta(minutes=5)) == "5 minutes"
    assert between(NOW, NOW + timedelta(hours=23.5)) == "1 day"
    assert between(NOW, NOW + timedelta(hours=25)) == "1 day"
    assert between(NOW, NOW + timedelta(days=3)) == "3 days"
